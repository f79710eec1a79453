# bash completion for rove
_rove() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command="" word
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        [[ $word == -* ]] || { command=$word; break; }
    done
    local options="" names=""
    case $command in
        "") COMPREPLY=($(compgen -W "import list show delete connect disconnect pause rekey reauth agent token status watch log report --help --version" -- "$cur")); return ;;
        import) options="--name --system --password-fd --check" ;;
        list|watch) options="--json" ;;
        show) names=1 ;;
        delete) options="--yes"; names=1 ;;
        connect) options="--timeout --password-fd --pin-fd --remember"; names=1 ;;
        reauth) options="--timeout --password-fd --pin-fd"; names=1 ;;
        disconnect) names=1 ;;
        report) options="--force" ;;
        pause) options="5 15 60" ;;
        agent) options="--cache-pin" ;;
        token) options="--json --module" ;;
        rekey) options="--ike"; names=1 ;;
        status) options="--json"; names=1 ;;
        log) options="-f --follow --since --json" ;;
    esac
    case $prev in
        --name|--timeout|--password-fd|--pin-fd|--cache-pin|--since) return ;;
    esac
    if [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W "$options --help" -- "$cur"))
    elif [[ $command == token ]]; then
        COMPREPLY=($(compgen -W "list" -- "$cur"))
    elif [[ $command == import || $command == report ]]; then
        COMPREPLY=($(compgen -f -- "$cur"))
    elif [[ $names ]]; then
        COMPREPLY=($(compgen -W "$(rove list 2>/dev/null | awk 'NR > 1 { print $1 }')" -- "$cur"))
    fi
}
complete -o filenames -F _rove rove
