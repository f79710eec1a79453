# fish completion for rove
function __rove_names
    rove list 2>/dev/null | awk 'NR > 1 { print $1 }'
end
complete -c rove -f
complete -c rove -n __fish_use_subcommand -s h -l help -d 'show help'
complete -c rove -n __fish_use_subcommand -l version -d 'show the version'
complete -c rove -n __fish_use_subcommand -a import -d 'take over a profile from a file'
complete -c rove -n __fish_use_subcommand -a list -d 'list the profiles'
complete -c rove -n __fish_use_subcommand -a show -d 'print a profile as TOML'
complete -c rove -n __fish_use_subcommand -a delete -d 'delete a profile and its copied credentials'
complete -c rove -n __fish_use_subcommand -a connect -d 'connect, and return when connected'
complete -c rove -n __fish_use_subcommand -a disconnect -d 'end a connection, or all of them'
complete -c rove -n __fish_use_subcommand -a rekey -d 'renew the keys now'
complete -c rove -n __fish_use_subcommand -a reauth -d 'log in again, beside the connection in use'
complete -c rove -n __fish_use_subcommand -a agent -d 'stay, and ask for secrets on this terminal'
complete -c rove -n __fish_use_subcommand -a status -d 'show the connections'
complete -c rove -n __fish_use_subcommand -a watch -d 'print what happens'
complete -c rove -n __fish_use_subcommand -a log -d "print the connections' log"
complete -c rove -n '__fish_seen_subcommand_from show delete connect disconnect rekey reauth status' -a '(__rove_names)'
complete -c rove -n '__fish_seen_subcommand_from import' -F
complete -c rove -n '__fish_seen_subcommand_from import' -l name -x -d 'call it otherwise'
complete -c rove -n '__fish_seen_subcommand_from import' -l system -d 'for all users'
complete -c rove -n '__fish_seen_subcommand_from import' -l check -d 'only check'
complete -c rove -n '__fish_seen_subcommand_from delete' -l yes -d 'do not ask'
complete -c rove -n '__fish_seen_subcommand_from connect reauth' -l timeout -x -d 'give up after so many seconds'
complete -c rove -n '__fish_seen_subcommand_from connect reauth' -l password-fd -x -d 'read the secret from this descriptor'
complete -c rove -n '__fish_seen_subcommand_from connect' -l remember -d 'keep what is typed in the keyring'
complete -c rove -n '__fish_seen_subcommand_from rekey' -l ike -d 'renew the IKE SA'
complete -c rove -n '__fish_seen_subcommand_from list status watch log' -l json -d 'for programs'
complete -c rove -n '__fish_seen_subcommand_from log' -s f -l follow -d 'go on with new lines'
complete -c rove -n '__fish_seen_subcommand_from log' -l since -x -d 'a time or an age'
