<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="de_DE" sourcelanguage="en">
<context>
    <name></name>
    <message>
        <source>Delete {name} and its copied credentials?</source>
        <translation>{name} und die kopierten Zugangsdaten löschen?</translation>
    </message>
    <message>
        <source>Delete</source>
        <translation>Löschen</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Abbrechen</translation>
    </message>
    <message>
        <source>Throughput</source>
        <translation>Durchsatz</translation>
    </message>
    <message>
        <source>receiving {received}/s, sending {sent}/s</source>
        <translation>Empfang {received}/s, Versand {sent}/s</translation>
    </message>
    <message>
        <source>No traffic measured yet</source>
        <translation>Noch kein Verkehr gemessen</translation>
    </message>
    <message>
        <source>States over time</source>
        <translation>Zustände im Zeitverlauf</translation>
    </message>
    <message>
        <source>States</source>
        <translation>Zustände</translation>
    </message>
    <message>
        <source>Ways to the gateway</source>
        <translation>Wege zum Gateway</translation>
    </message>
    <message>
        <source>&amp;Overview</source>
        <translation>&amp;Überblick</translation>
    </message>
    <message>
        <source>Ways to the gateway, and why they changed</source>
        <translation>Wege zum Gateway, und warum sie sich geändert haben</translation>
    </message>
    <message>
        <source>When</source>
        <translation>Wann</translation>
    </message>
    <message>
        <source>From</source>
        <translation>Von</translation>
    </message>
    <message>
        <source>To</source>
        <translation>Nach</translation>
    </message>
    <message>
        <source>Why</source>
        <translation>Warum</translation>
    </message>
    <message>
        <source>State</source>
        <translation>Zustand</translation>
    </message>
    <message>
        <source>&amp;History</source>
        <translation>&amp;Verlauf</translation>
    </message>
    <message>
        <source>&amp;Security</source>
        <translation>&amp;Sicherheit</translation>
    </message>
    <message>
        <source>Error</source>
        <translation>Fehler</translation>
    </message>
    <message>
        <source>Note</source>
        <translation>Hinweis</translation>
    </message>
    <message>
        <source>There is no tunnel whose cryptography could be shown.</source>
        <translation>Es gibt keinen Tunnel, dessen Verschlüsselung gezeigt werden könnte.</translation>
    </message>
    <message>
        <source>Import a connection</source>
        <translation>Verbindung importieren</translation>
    </message>
    <message>
        <source>&amp;User name:</source>
        <translation>&amp;Benutzername:</translation>
    </message>
    <message>
        <source>&amp;Name here:</source>
        <translation>&amp;Name hier:</translation>
    </message>
    <message>
        <source>Name here</source>
        <translation>Name hier</translation>
    </message>
    <message>
        <source>User name</source>
        <translation>Benutzername</translation>
    </message>
    <message>
        <source>as whoever runs the gateway gave it to you</source>
        <translation>wie ihn Ihnen der Betreiber des Gateways genannt hat</translation>
    </message>
    <message>
        <source>Import</source>
        <translation>Importieren</translation>
    </message>
    <message>
        <source>Only your user name is missing.</source>
        <translation>Nur Ihr Benutzername fehlt.</translation>
    </message>
    <message>
        <source>This file cannot be imported:</source>
        <translation>Diese Datei kann nicht importiert werden:</translation>
    </message>
    <message>
        <source>Not available in this version, and left out:</source>
        <translation>In dieser Version nicht verfügbar und weggelassen:</translation>
    </message>
    <message>
        <source>Not understood, and left out:</source>
        <translation>Nicht verstanden und weggelassen:</translation>
    </message>
    <message>
        <source>Edit {name}</source>
        <translation>{name} bearbeiten</translation>
    </message>
    <message>
        <source>Everything else in the profile stays as it is.</source>
        <translation>Alles andere im Profil bleibt, wie es ist.</translation>
    </message>
    <message>
        <source>Save</source>
        <translation>Speichern</translation>
    </message>
    <message>
        <source>Choose …</source>
        <translation>Auswählen …</translation>
    </message>
    <message>
        <source>Choose a file: {field}</source>
        <translation>Eine Datei auswählen: {field}</translation>
    </message>
    <message>
        <source>Choose a certificate or key</source>
        <translation>Ein Zertifikat oder einen Schlüssel auswählen</translation>
    </message>
    <message>
        <source>The VPN service is not running.</source>
        <translation>Der VPN-Dienst läuft nicht.</translation>
    </message>
    <message>
        <source>Start it with “systemctl start roved”, or ask whoever runs this computer.</source>
        <translation>Starten Sie ihn mit „systemctl start roved“ oder fragen Sie, wer diesen Rechner betreut.</translation>
    </message>
    <message>
        <source>Only lines with these words</source>
        <translation>Nur Zeilen mit diesen Wörtern</translation>
    </message>
    <message>
        <source>Filter</source>
        <translation>Filter</translation>
    </message>
    <message>
        <source>Level</source>
        <translation>Stufe</translation>
    </message>
    <message>
        <source>Everything</source>
        <translation>Alles</translation>
    </message>
    <message>
        <source>Normal</source>
        <translation>Normal</translation>
    </message>
    <message>
        <source>Warnings and errors</source>
        <translation>Warnungen und Fehler</translation>
    </message>
    <message>
        <source>Errors</source>
        <translation>Fehler</translation>
    </message>
    <message>
        <source>Log</source>
        <translation>Protokoll</translation>
    </message>
    <message>
        <source>&amp;Filter:</source>
        <translation>&amp;Filter:</translation>
    </message>
    <message>
        <source>Ask again in 5 min</source>
        <translation>In 5 min erneut fragen</translation>
    </message>
    <message>
        <source>The two are not the same.</source>
        <translation>Die beiden sind nicht gleich.</translation>
    </message>
    <message>
        <source>Card reader for {name}</source>
        <translation>Kartenleser für {name}</translation>
    </message>
    <message>
        <source>Waiting for the card reader</source>
        <translation>Warten auf den Kartenleser</translation>
    </message>
    <message>
        <source>Choose for {name}</source>
        <translation>Auswahl für {name}</translation>
    </message>
    <message>
        <source>Use this one</source>
        <translation>Dieses nehmen</translation>
    </message>
    <message>
        <source>Protected, offline: traffic for the tunnel waits and does not leave in the clear.</source>
        <translation>Geschützt, offline: Verkehr für den Tunnel wartet und geht nicht im Klartext hinaus.</translation>
    </message>
    <message>
        <source>Unprotected: there is no tunnel yet.</source>
        <translation>Ungeschützt: Es gibt noch keinen Tunnel.</translation>
    </message>
    <message>
        <source>Protected: all traffic goes through the tunnel.</source>
        <translation>Geschützt: Aller Verkehr geht durch den Tunnel.</translation>
    </message>
    <message>
        <source>Protected: traffic for {networks} goes through the tunnel.</source>
        <translation>Geschützt: Verkehr für {networks} geht durch den Tunnel.</translation>
    </message>
    <message>
        <source>Unprotected: nothing goes through this tunnel.</source>
        <translation>Ungeschützt: Nichts geht durch diesen Tunnel.</translation>
    </message>
    <message>
        <source>all users</source>
        <translation>alle Benutzer</translation>
    </message>
    <message>
        <source>Connect again</source>
        <translation>Erneut verbinden</translation>
    </message>
    <message>
        <source>Disconnect</source>
        <translation>Trennen</translation>
    </message>
    <message>
        <source>Log in again now</source>
        <translation>Jetzt neu anmelden</translation>
    </message>
    <message>
        <source>Pause for …</source>
        <translation>Pausieren für …</translation>
    </message>
    <message>
        <source>Stay disconnected</source>
        <translation>Getrennt bleiben</translation>
    </message>
    <message>
        <source>Renew keys</source>
        <translation>Schlüssel erneuern</translation>
    </message>
    <message>
        <source>Show the log</source>
        <translation>Protokoll zeigen</translation>
    </message>
    <message>
        <source>Import …</source>
        <translation>Importieren …</translation>
    </message>
    <message>
        <source>Answer …</source>
        <translation>Antworten …</translation>
    </message>
    <message>
        <source>Delete …</source>
        <translation>Löschen …</translation>
    </message>
    <message>
        <source>Disconnect the other one</source>
        <translation>Die andere trennen</translation>
    </message>
    <message>
        <source>Edit …</source>
        <translation>Bearbeiten …</translation>
    </message>
    <message>
        <source>Look at its key …</source>
        <translation>Seinen Schlüssel ansehen …</translation>
    </message>
    <message>
        <source>Open the page</source>
        <translation>Seite öffnen</translation>
    </message>
    <message>
        <source>since {time} ({age})</source>
        <translation>seit {time} ({age})</translation>
    </message>
    <message>
        <source>Connect</source>
        <translation>Verbinden</translation>
    </message>
    <message>
        <source>This profile cannot be used: {why}</source>
        <translation>Dieses Profil ist nicht benutzbar: {why}</translation>
    </message>
    <message>
        <source>Post-quantum key exchange</source>
        <translation>Post-Quanten-Schlüsselaustausch</translation>
    </message>
    <message>
        <source>ML-KEM beside the classical key exchange: who records this traffic cannot read it with a quantum computer later.</source>
        <translation>ML-KEM neben dem klassischen Schlüsselaustausch: Wer diesen Verkehr aufzeichnet, kann ihn auch später mit einem Quantencomputer nicht lesen.</translation>
    </message>
    <message>
        <source>Post-quantum pre-shared key</source>
        <translation>Vorab geteilter Post-Quanten-Schlüssel</translation>
    </message>
    <message>
        <source>A shared key is mixed into the session&apos;s keys: who records this traffic cannot read it with a quantum computer later.</source>
        <translation>Ein geteilter Schlüssel ist in die Sitzungsschlüssel gemischt: Wer diesen Verkehr aufzeichnet, kann ihn auch später mit einem Quantencomputer nicht lesen.</translation>
    </message>
    <message>
        <source>Classical key exchange</source>
        <translation>Klassischer Schlüsselaustausch</translation>
    </message>
    <message>
        <source>Safe today. Who records this traffic might read it when there are quantum computers; the gateway offers nothing better.</source>
        <translation>Heute sicher. Wer diesen Verkehr aufzeichnet, könnte ihn lesen, wenn es Quantencomputer gibt; das Gateway bietet nichts Besseres an.</translation>
    </message>
    <message>
        <source>Outdated algorithms: {names}</source>
        <translation>Veraltete Verfahren: {names}</translation>
    </message>
    <message>
        <source>The profile allows them for an old gateway (ike.legacy).</source>
        <translation>Das Profil erlaubt sie für ein altes Gateway (ike.legacy).</translation>
    </message>
    <message>
        <source>Gateway</source>
        <translation>Gateway</translation>
    </message>
    <message>
        <source>Path</source>
        <translation>Weg</translation>
    </message>
    <message>
        <source>From – to</source>
        <translation>Von – nach</translation>
    </message>
    <message>
        <source>Addresses inside</source>
        <translation>Adressen innen</translation>
    </message>
    <message>
        <source>DNS</source>
        <translation>DNS</translation>
    </message>
    <message>
        <source>Networks</source>
        <translation>Netze</translation>
    </message>
    <message>
        <source>Log-in</source>
        <translation>Anmeldung</translation>
    </message>
    <message>
        <source>Next log-in</source>
        <translation>Nächste Anmeldung</translation>
    </message>
    <message>
        <source>Received</source>
        <translation>Empfangen</translation>
    </message>
    <message>
        <source>Sent</source>
        <translation>Gesendet</translation>
    </message>
    <message>
        <source>So far</source>
        <translation>Bisher</translation>
    </message>
    <message>
        <source>{n} × changed networks</source>
        <translation>{n} × Netz gewechselt</translation>
    </message>
    <message>
        <source>{n} × renewed keys</source>
        <translation>{n} × Schlüssel erneuert</translation>
    </message>
    <message>
        <source>{n} × logged in again</source>
        <translation>{n} × neu angemeldet</translation>
    </message>
    <message>
        <source>{n} replayed packets refused</source>
        <translation>{n} wiederholte Pakete abgewiesen</translation>
    </message>
    <message>
        <source>{n} forged packets refused</source>
        <translation>{n} gefälschte Pakete abgewiesen</translation>
    </message>
    <message>
        <source>Connection to the gateway (IKE SA)</source>
        <translation>Verbindung zum Gateway (IKE-SA)</translation>
    </message>
    <message>
        <source>Established</source>
        <translation>Aufgebaut</translation>
    </message>
    <message>
        <source>Keys renewed</source>
        <translation>Neue Schlüssel</translation>
    </message>
    <message>
        <source>SPIs</source>
        <translation>SPIs</translation>
    </message>
    <message>
        <source>Tunnel (CHILD SA)</source>
        <translation>Tunnel (CHILD-SA)</translation>
    </message>
    <message>
        <source>Traffic</source>
        <translation>Verkehr</translation>
    </message>
    <message>
        <source>{octets} in {n} packets</source>
        <translation>{octets} in {n} Paketen</translation>
    </message>
    <message>
        <source>in {time}</source>
        <translation>in {time}</translation>
    </message>
    <message>
        <source>the gateway sent us to another one</source>
        <translation>das Gateway hat uns an ein anderes verwiesen</translation>
    </message>
    <message>
        <source>new log-in</source>
        <translation>neue Anmeldung</translation>
    </message>
    <message>
        <source>the network changed</source>
        <translation>das Netz hat gewechselt</translation>
    </message>
    <message>
        <source>connected</source>
        <translation>verbunden</translation>
    </message>
    <message>
        <source>the system&apos;s authorities</source>
        <translation>den Zertifizierungsstellen des Systems</translation>
    </message>
    <message>
        <source>the log-in method alone</source>
        <translation>allein dem Anmeldeverfahren</translation>
    </message>
    <message>
        <source>the key that is pinned</source>
        <translation>dem festgelegten Schlüssel</translation>
    </message>
    <message>
        <source>certificates of its own: {n}</source>
        <translation>eigenen Zertifikaten: {n}</translation>
    </message>
    <message>
        <source>&amp;Gateway</source>
        <translation>&amp;Gateway</translation>
    </message>
    <message>
        <source>host names or addresses, with commas between them</source>
        <translation>Rechnernamen oder Adressen, mit Kommas dazwischen</translation>
    </message>
    <message>
        <source>Must &amp;prove to be</source>
        <translation>Muss sich aus&amp;weisen als</translation>
    </message>
    <message>
        <source>empty: the first of the gateway&apos;s names</source>
        <translation>leer: der erste Name des Gateways</translation>
    </message>
    <message>
        <source>&amp;Log-in</source>
        <translation>&amp;Anmeldung</translation>
    </message>
    <message>
        <source>&amp;User name</source>
        <translation>&amp;Benutzername</translation>
    </message>
    <message>
        <source>&amp;Certificate</source>
        <translation>&amp;Zertifikat</translation>
    </message>
    <message>
        <source>a file, or pkcs11:… on a smartcard</source>
        <translation>eine Datei, oder pkcs11:… auf einer Smartcard</translation>
    </message>
    <message>
        <source>&amp;Key</source>
        <translation>&amp;Schlüssel</translation>
    </message>
    <message>
        <source>where it is not in the certificate&apos;s file</source>
        <translation>wenn er nicht in der Datei des Zertifikats ist</translation>
    </message>
    <message>
        <source>all traffic</source>
        <translation>aller Verkehr</translation>
    </message>
    <message>
        <source>&amp;Tunnel for</source>
        <translation>&amp;Tunnel für</translation>
    </message>
    <message>
        <source>these networks</source>
        <translation>diese Netze</translation>
    </message>
    <message>
        <source>&amp;Networks</source>
        <translation>&amp;Netze</translation>
    </message>
    <message>
        <source>like 10.0.0.0/8, with commas between them</source>
        <translation>wie 10.0.0.0/8, mit Kommas dazwischen</translation>
    </message>
    <message>
        <source>&amp;DNS</source>
        <translation>&amp;DNS</translation>
    </message>
    <message>
        <source>automatic</source>
        <translation>automatisch</translation>
    </message>
    <message>
        <source>all names by the tunnel</source>
        <translation>alle Namen durch den Tunnel</translation>
    </message>
    <message>
        <source>only the tunnel&apos;s names by the tunnel</source>
        <translation>nur Namen des Tunnels durch den Tunnel</translation>
    </message>
    <message>
        <source>as without the tunnel</source>
        <translation>wie ohne Tunnel</translation>
    </message>
    <message>
        <source>Connect &amp;automatically</source>
        <translation>Von selbst &amp;verbinden</translation>
    </message>
    <message>
        <source>The profile has several tunnels ([[child]]); change them in its file.</source>
        <translation>Das Profil hat mehrere Tunnel ([[child]]); ändern Sie sie in seiner Datei.</translation>
    </message>
    <message>
        <source>The profile has a rule for certificates on smartcards; change it in its file.</source>
        <translation>Das Profil hat eine Regel für Zertifikate auf Smartcards; ändern Sie sie in seiner Datei.</translation>
    </message>
    <message>
        <source>Must prove to be</source>
        <translation>Muss beweisen, dass es ist</translation>
    </message>
    <message>
        <source>Trusts</source>
        <translation>Vertraut</translation>
    </message>
    <message>
        <source>As</source>
        <translation>Als</translation>
    </message>
    <message>
        <source>Carries</source>
        <translation>Befördert</translation>
    </message>
    <message>
        <source>Post-quantum key</source>
        <translation>Post-Quanten-Schlüssel</translation>
    </message>
    <message>
        <source>Copied files</source>
        <translation>Kopierte Dateien</translation>
    </message>
    <message>
        <source>{name} is connected</source>
        <translation>{name} ist verbunden</translation>
    </message>
    <message>
        <source>{name}: protected, offline</source>
        <translation>{name}: geschützt, offline</translation>
    </message>
    <message>
        <source>Traffic for the tunnel waits and does not leave in the clear. Rove goes on by itself.</source>
        <translation>Verkehr für den Tunnel wartet und geht nicht im Klartext hinaus. Rove macht von selbst weiter.</translation>
    </message>
    <message>
        <source>{name} is paused</source>
        <translation>{name} ist pausiert</translation>
    </message>
    <message>
        <source>Unprotected: traffic no longer goes through the tunnel. Rove connects again by itself.</source>
        <translation>Ungeschützt: Der Verkehr geht nicht mehr durch den Tunnel. Rove verbindet von selbst wieder.</translation>
    </message>
    <message>
        <source>Connect now</source>
        <translation>Jetzt verbinden</translation>
    </message>
    <message>
        <source>{name} was disconnected</source>
        <translation>{name} wurde getrennt</translation>
    </message>
    <message>
        <source>Unprotected: traffic no longer goes through the tunnel.</source>
        <translation>Ungeschützt: Der Verkehr geht nicht mehr durch den Tunnel.</translation>
    </message>
    <message>
        <source>{name}: the connection ended</source>
        <translation>{name}: Die Verbindung ist beendet</translation>
    </message>
    <message>
        <source>{name}: could not connect</source>
        <translation>{name}: Verbinden gelang nicht</translation>
    </message>
    <message>
        <source>Details</source>
        <translation>Einzelheiten</translation>
    </message>
    <message>
        <source>{name}: the VPN service is gone</source>
        <translation>{name}: Der VPN-Dienst ist weg</translation>
    </message>
    <message>
        <source>Whether traffic is protected is not known until it is back.</source>
        <translation>Ob der Verkehr geschützt ist, ist nicht bekannt, bis er wieder da ist.</translation>
    </message>
    <message>
        <source>Rove needs your answer to go on.</source>
        <translation>Rove braucht Ihre Antwort, um weiterzumachen.</translation>
    </message>
    <message>
        <source>Answer</source>
        <translation>Antworten</translation>
    </message>
    <message>
        <source>The gateway of {name} says</source>
        <translation>Das Gateway von {name} sagt</translation>
    </message>
    <message>
        <source>via {way}</source>
        <translation>über {way}</translation>
    </message>
    <message>
        <source>Wi-Fi</source>
        <translation>WLAN</translation>
    </message>
    <message>
        <source>cable</source>
        <translation>Kabel</translation>
    </message>
    <message>
        <source>mobile network</source>
        <translation>Mobilfunk</translation>
    </message>
    <message>
        <source>Password of {who} for {name}</source>
        <translation>Passwort von {who} für {name}</translation>
    </message>
    <message>
        <source>The password of {who} has expired. New password for {name}</source>
        <translation>Das Passwort von {who} ist abgelaufen. Neues Passwort für {name}</translation>
    </message>
    <message>
        <source>Answer for {name}</source>
        <translation>Antwort für {name}</translation>
    </message>
    <message>
        <source>Pre-shared key for {name}</source>
        <translation>Vorab geteilter Schlüssel für {name}</translation>
    </message>
    <message>
        <source>Post-quantum key {key} for {name}</source>
        <translation>Post-Quanten-Schlüssel {key} für {name}</translation>
    </message>
    <message>
        <source>Passphrase of {file} for {name}</source>
        <translation>Passphrase von {file} für {name}</translation>
    </message>
    <message>
        <source>PIN of the smartcard “{card}”, certificate {certificate}, for {name}</source>
        <translation>PIN der Smartcard „{card}“, Zertifikat {certificate}, für {name}</translation>
    </message>
    <message>
        <source>Certificate for {name}</source>
        <translation>Zertifikat für {name}</translation>
    </message>
    <message>
        <source>Type the PIN of the smartcard “{card}” on the card reader</source>
        <translation>Geben Sie die PIN der Smartcard „{card}“ am Kartenleser ein</translation>
    </message>
    <message>
        <source>The last one was refused: {why}.</source>
        <translation>Die letzte wurde abgelehnt: {why}.</translation>
    </message>
    <message>
        <source>The last one was refused.</source>
        <translation>Die letzte wurde abgelehnt.</translation>
    </message>
    <message>
        <source>The PIN that was kept in memory was refused.</source>
        <translation>Die gemerkte PIN wurde abgelehnt.</translation>
    </message>
    <message>
        <source>That PIN was wrong.</source>
        <translation>Diese PIN war falsch.</translation>
    </message>
    <message>
        <source>No PIN of this smartcard has that length.</source>
        <translation>So lang ist keine PIN dieser Smartcard.</translation>
    </message>
    <message>
        <source>That PIN has characters that the smartcard does not take.</source>
        <translation>Diese PIN hat Zeichen, die die Smartcard nicht annimmt.</translation>
    </message>
    <message>
        <source>This is the last try before the smartcard locks.</source>
        <translation>Das ist der letzte Versuch, bevor sich die Smartcard sperrt.</translation>
    </message>
    <message>
        <source>Few tries are left before the smartcard locks.</source>
        <translation>Es bleiben nur wenige Versuche, bevor sich die Smartcard sperrt.</translation>
    </message>
    <message>
        <source>Repeat it:</source>
        <translation>Wiederholen:</translation>
    </message>
    <message>
        <source>The gateway says:</source>
        <translation>Das Gateway sagt:</translation>
    </message>
    <message>
        <source>Keep it in this session&apos;s keyring</source>
        <translation>Im Schlüsselbund dieser Sitzung merken</translation>
    </message>
    <message>
        <source>Log in</source>
        <translation>Anmelden</translation>
    </message>
    <message>
        <source>Change password</source>
        <translation>Passwort ändern</translation>
    </message>
    <message>
        <source>{time} left to answer</source>
        <translation>Noch {time} für die Antwort</translation>
    </message>
    <message>
        <source>Password for {name}</source>
        <translation>Passwort für {name}</translation>
    </message>
    <message>
        <source>New password for {name}</source>
        <translation>Neues Passwort für {name}</translation>
    </message>
    <message>
        <source>Code for {name}</source>
        <translation>Code für {name}</translation>
    </message>
    <message>
        <source>PIN for {name}</source>
        <translation>PIN für {name}</translation>
    </message>
    <message>
        <source>Post-quantum key for {name}</source>
        <translation>Post-Quanten-Schlüssel für {name}</translation>
    </message>
    <message>
        <source>Passphrase for {name}</source>
        <translation>Passphrase für {name}</translation>
    </message>
    <message>
        <source>&amp;Password:</source>
        <translation>&amp;Passwort:</translation>
    </message>
    <message>
        <source>&amp;New password:</source>
        <translation>&amp;Neues Passwort:</translation>
    </message>
    <message>
        <source>&amp;Code:</source>
        <translation>&amp;Code:</translation>
    </message>
    <message>
        <source>&amp;PIN:</source>
        <translation>&amp;PIN:</translation>
    </message>
    <message>
        <source>Pre-shared &amp;key:</source>
        <translation>Vorab geteilter &amp;Schlüssel:</translation>
    </message>
    <message>
        <source>Post-quantum &amp;key:</source>
        <translation>Post-Quanten-&amp;Schlüssel:</translation>
    </message>
    <message>
        <source>&amp;Passphrase:</source>
        <translation>&amp;Passphrase:</translation>
    </message>
    <message>
        <source>The PIN was wrong.</source>
        <translation>Die PIN war falsch.</translation>
    </message>
    <message>
        <source>This is the last try: another wrong PIN blocks the token.</source>
        <translation>Das ist der letzte Versuch: Noch eine falsche PIN sperrt die Smartcard.</translation>
    </message>
    <message>
        <source>{n} tries are left.</source>
        <translation>Noch {n} Versuche.</translation>
    </message>
    <message>
        <source>Rove does not repeat what was refused: accounts get locked.</source>
        <translation>Rove wiederholt nicht, was abgelehnt wurde: Konten werden gesperrt.</translation>
    </message>
    <message>
        <source>Sequence numbers</source>
        <translation>Sequenznummern</translation>
    </message>
    <message>
        <source>64 bits</source>
        <translation>64 Bit</translation>
    </message>
    <message>
        <source>32 bits</source>
        <translation>32 Bit</translation>
    </message>
    <message>
        <source>Key derivation</source>
        <translation>Schlüsselableitung</translation>
    </message>
    <message>
        <source>Key exchange</source>
        <translation>Schlüsselaustausch</translation>
    </message>
    <message>
        <source>Encryption</source>
        <translation>Verschlüsselung</translation>
    </message>
    <message>
        <source>Integrity</source>
        <translation>Integrität</translation>
    </message>
    <message>
        <source>Also</source>
        <translation>Außerdem</translation>
    </message>
    <message>
        <source>Starting …</source>
        <translation>Startet …</translation>
    </message>
    <message>
        <source>Ready</source>
        <translation>Bereit</translation>
    </message>
    <message>
        <source>The VPN service is not running</source>
        <translation>Der VPN-Dienst läuft nicht</translation>
    </message>
    <message>
        <source>You may not use the VPN service here</source>
        <translation>Sie dürfen den VPN-Dienst hier nicht benutzen</translation>
    </message>
    <message>
        <source>This session may look, but not connect</source>
        <translation>Diese Sitzung darf zusehen, aber nicht verbinden</translation>
    </message>
    <message>
        <source>paused</source>
        <translation>pausiert</translation>
    </message>
    <message>
        <source>Next log-in in {time}</source>
        <translation>Nächste Anmeldung in {time}</translation>
    </message>
    <message>
        <source>No connections yet</source>
        <translation>Noch keine Verbindungen</translation>
    </message>
    <message>
        <source>Import a connection …</source>
        <translation>Verbindung importieren …</translation>
    </message>
    <message>
        <source>Answer for {name} …</source>
        <translation>Antwort für {name} …</translation>
    </message>
    <message>
        <source>Disconnect {name}</source>
        <translation>{name} trennen</translation>
    </message>
    <message>
        <source>Pause {name} for</source>
        <translation>{name} pausieren für</translation>
    </message>
    <message>
        <source>{name} cannot be used</source>
        <translation>{name} ist nicht benutzbar</translation>
    </message>
    <message>
        <source>Connect {name} again</source>
        <translation>{name} erneut verbinden</translation>
    </message>
    <message>
        <source>Connect {name}</source>
        <translation>{name} verbinden</translation>
    </message>
    <message>
        <source>Open Rove</source>
        <translation>Rove öffnen</translation>
    </message>
    <message>
        <source>Quit</source>
        <translation>Beenden</translation>
    </message>
    <message>
        <source>Connections</source>
        <translation>Verbindungen</translation>
    </message>
    <message>
        <source>&amp;Import …</source>
        <translation>&amp;Importieren …</translation>
    </message>
    <message>
        <source>&amp;Connections</source>
        <translation>&amp;Verbindungen</translation>
    </message>
    <message>
        <source>&amp;Log</source>
        <translation>&amp;Protokoll</translation>
    </message>
    <message>
        <source>&amp;Rove</source>
        <translation>&amp;Rove</translation>
    </message>
    <message>
        <source>&amp;Import a connection …</source>
        <translation>Verbindung &amp;importieren …</translation>
    </message>
    <message>
        <source>Show the &amp;log</source>
        <translation>&amp;Protokoll zeigen</translation>
    </message>
    <message>
        <source>Create &amp;report …</source>
        <translation>&amp;Bericht erstellen …</translation>
    </message>
    <message>
        <source>&amp;Close the window</source>
        <translation>Fenster &amp;schließen</translation>
    </message>
    <message>
        <source>&amp;Quit</source>
        <translation>&amp;Beenden</translation>
    </message>
    <message>
        <source>Welcome to Rove</source>
        <translation>Willkommen bei Rove</translation>
    </message>
    <message>
        <source>Rove connects this computer to your company&apos;s network and keeps the connection when you change networks.

Whoever runs your gateway gave you a file: a Rove profile (.toml) or one for strongSwan (.sswan). Drop it here, or choose it. Rove shows what it says before anything is stored, and asks for your password only when you connect.</source>
        <translation>Rove verbindet diesen Rechner mit dem Netz Ihrer Firma und hält die Verbindung, wenn Sie das Netz wechseln.

Wer Ihr Gateway betreibt, hat Ihnen eine Datei gegeben: ein Rove-Profil (.toml) oder eines für strongSwan (.sswan). Lassen Sie sie hier fallen oder wählen Sie sie aus. Rove zeigt, was darin steht, bevor etwas gespeichert wird, und fragt nach Ihrem Passwort erst beim Verbinden.</translation>
    </message>
    <message>
        <source>Start it with “systemctl start roved”, or ask whoever runs this computer. This window goes on by itself as soon as it is there.</source>
        <translation>Starten Sie ihn mit „systemctl start roved“ oder fragen Sie, wer diesen Rechner betreut. Dieses Fenster macht von selbst weiter, sobald er da ist.</translation>
    </message>
    <message>
        <source>Use a session at this computer, or ask an administrator. This window goes on by itself as soon as you may.</source>
        <translation>Benutzen Sie eine Sitzung an diesem Rechner oder fragen Sie die Administration. Dieses Fenster macht von selbst weiter, sobald Sie dürfen.</translation>
    </message>
    <message>
        <source>Report for support</source>
        <translation>Bericht für den Support</translation>
    </message>
    <message>
        <source>The report</source>
        <translation>Der Bericht</translation>
    </message>
    <message>
        <source>For whoever helps you: versions, profiles, state and log. It has no passwords, keys or PINs; names of people, of this computer and its addresses are masked. Read it before you pass it on.</source>
        <translation>Für alle, die Ihnen helfen: Versionen, Profile, Zustand und Protokoll. Er enthält keine Passwörter, Schlüssel oder PINs; Namen von Personen und dieses Computers sowie seine Adressen sind unkenntlich gemacht. Lesen Sie ihn, bevor Sie ihn weitergeben.</translation>
    </message>
    <message>
        <source>&amp;Save as …</source>
        <translation>&amp;Speichern unter …</translation>
    </message>
    <message>
        <source>Close</source>
        <translation>Schließen</translation>
    </message>
    <message>
        <source>Texts</source>
        <translation>Texte</translation>
    </message>
    <message>
        <source>Save the report</source>
        <translation>Den Bericht speichern</translation>
    </message>
    <message>
        <source>{path} cannot be written: {why}.</source>
        <translation>{path} kann nicht geschrieben werden: {why}.</translation>
    </message>
    <message>
        <source>Tell whoever runs the gateway.</source>
        <translation>Sagen Sie es dem Betreiber des Gateways.</translation>
    </message>
    <message>
        <source>Try again later; if it persists, tell whoever runs the gateway.</source>
        <translation>Versuchen Sie es später noch einmal; bleibt es dabei, sagen Sie es dem Betreiber des Gateways.</translation>
    </message>
    <message>
        <source>The profile&apos;s settings cannot be used.</source>
        <translation>Die Einstellungen des Profils sind nicht benutzbar.</translation>
    </message>
    <message>
        <source>Correct the profile and import it again.</source>
        <translation>Korrigieren Sie das Profil und importieren Sie es noch einmal.</translation>
    </message>
    <message>
        <source>The profile&apos;s settings cannot be used: {detail}.</source>
        <translation>Die Einstellungen des Profils sind nicht benutzbar: {detail}.</translation>
    </message>
    <message>
        <source>There is no such profile.</source>
        <translation>Ein solches Profil gibt es nicht.</translation>
    </message>
    <message>
        <source>“rove list” shows the profiles there are.</source>
        <translation>„rove list“ zeigt, welche Profile es gibt.</translation>
    </message>
    <message>
        <source>You may not do that.</source>
        <translation>Das dürfen Sie nicht.</translation>
    </message>
    <message>
        <source>Use a session at this computer, or ask an administrator.</source>
        <translation>Benutzen Sie eine Sitzung an diesem Rechner oder fragen Sie die Administration.</translation>
    </message>
    <message>
        <source>Another connection already carries all traffic.</source>
        <translation>Eine andere Verbindung befördert schon allen Verkehr.</translation>
    </message>
    <message>
        <source>Disconnect it first: only one connection at a time can carry everything.</source>
        <translation>Trennen Sie sie zuerst: Nur eine Verbindung auf einmal kann alles befördern.</translation>
    </message>
    <message>
        <source>This connection is already active.</source>
        <translation>Diese Verbindung ist schon aktiv.</translation>
    </message>
    <message>
        <source>“rove status” shows it; “rove disconnect” ends it.</source>
        <translation>„rove status“ zeigt sie; „rove disconnect“ beendet sie.</translation>
    </message>
    <message>
        <source>This connection is not up.</source>
        <translation>Diese Verbindung besteht nicht.</translation>
    </message>
    <message>
        <source>“rove status” shows what it does; “rove connect” brings it up.</source>
        <translation>„rove status“ zeigt, was sie tut; „rove connect“ baut sie auf.</translation>
    </message>
    <message>
        <source>Nobody could be asked for the password or key.</source>
        <translation>Niemand konnte nach dem Passwort oder Schlüssel gefragt werden.</translation>
    </message>
    <message>
        <source>Connect from a terminal, or run “rove agent” in your session.</source>
        <translation>Verbinden Sie sich von einem Terminal aus, oder lassen Sie „rove agent“ in Ihrer Sitzung laufen.</translation>
    </message>
    <message>
        <source>The prompt was cancelled.</source>
        <translation>Die Frage wurde abgebrochen.</translation>
    </message>
    <message>
        <source>Connect again when you have the password or key at hand.</source>
        <translation>Verbinden Sie sich erneut, wenn Sie das Passwort oder den Schlüssel zur Hand haben.</translation>
    </message>
    <message>
        <source>The prompt was not answered in time.</source>
        <translation>Die Frage wurde nicht rechtzeitig beantwortet.</translation>
    </message>
    <message>
        <source>Your certificate or key cannot be used.</source>
        <translation>Ihr Zertifikat oder Schlüssel ist nicht benutzbar.</translation>
    </message>
    <message>
        <source>Check the file and its passphrase, then import the profile again.</source>
        <translation>Prüfen Sie die Datei und ihre Passphrase, und importieren Sie dann das Profil noch einmal.</translation>
    </message>
    <message>
        <source>Your certificate or key cannot be used: {detail}.</source>
        <translation>Ihr Zertifikat oder Schlüssel ist nicht benutzbar: {detail}.</translation>
    </message>
    <message>
        <source>The smartcard with your certificate is not inserted.</source>
        <translation>Die Smartcard mit Ihrem Zertifikat steckt nicht.</translation>
    </message>
    <message>
        <source>Insert it and connect again; “rove token list” shows what is found.</source>
        <translation>Stecken Sie sie ein und verbinden Sie sich erneut; „rove token list“ zeigt, was gefunden wird.</translation>
    </message>
    <message>
        <source>The smartcard with your certificate is not inserted: {detail}.</source>
        <translation>Die Smartcard mit Ihrem Zertifikat steckt nicht: {detail}.</translation>
    </message>
    <message>
        <source>The smartcard that is inserted does not have the certificate of this profile.</source>
        <translation>Die eingesteckte Smartcard hat das Zertifikat dieses Profils nicht.</translation>
    </message>
    <message>
        <source>Insert the right one, or correct user.certificate; “rove token list” shows what is found.</source>
        <translation>Stecken Sie die richtige ein, oder korrigieren Sie user.certificate; „rove token list“ zeigt, was gefunden wird.</translation>
    </message>
    <message>
        <source>The smartcard that is inserted does not have the certificate of this profile: {detail}.</source>
        <translation>Die eingesteckte Smartcard hat das Zertifikat dieses Profils nicht: {detail}.</translation>
    </message>
    <message>
        <source>The smartcard was removed before it had signed.</source>
        <translation>Die Smartcard wurde entfernt, bevor sie unterschrieben hatte.</translation>
    </message>
    <message>
        <source>Insert it again, leave it there, and connect again.</source>
        <translation>Stecken Sie sie wieder ein, lassen Sie sie dort, und verbinden Sie sich erneut.</translation>
    </message>
    <message>
        <source>The smartcard or its driver does not answer.</source>
        <translation>Die Smartcard oder ihr Treiber antwortet nicht.</translation>
    </message>
    <message>
        <source>Take the smartcard out and insert it again, then connect again; if that does not help, start the program that asks for the PIN anew.</source>
        <translation>Nehmen Sie die Smartcard heraus, stecken Sie sie wieder ein und verbinden Sie sich erneut; hilft das nicht, starten Sie das Programm neu, das nach der PIN fragt.</translation>
    </message>
    <message>
        <source>The PIN is wrong.</source>
        <translation>Die PIN ist falsch.</translation>
    </message>
    <message>
        <source>Connect again with the right PIN. Rove does not repeat a wrong one by itself: smartcards get locked.</source>
        <translation>Verbinden Sie sich erneut mit der richtigen PIN. Rove wiederholt eine falsche nicht von selbst: Smartcards werden gesperrt.</translation>
    </message>
    <message>
        <source>The PIN is wrong: {detail}.</source>
        <translation>Die PIN ist falsch: {detail}.</translation>
    </message>
    <message>
        <source>The PIN of the smartcard is locked.</source>
        <translation>Die PIN der Smartcard ist gesperrt.</translation>
    </message>
    <message>
        <source>Unlock it with its PUK and the tool of whoever issued the smartcard, or ask them.</source>
        <translation>Entsperren Sie sie mit ihrer PUK und dem Werkzeug des Ausstellers der Smartcard, oder fragen Sie dort.</translation>
    </message>
    <message>
        <source>This installation lacks the TLS engine that EAP-TLS, TTLS and PEAP need.</source>
        <translation>Dieser Installation fehlt der TLS-Teil, den EAP-TLS, TTLS und PEAP brauchen.</translation>
    </message>
    <message>
        <source>Install Rust (cargo) and install Rove again, or use a package that has the engine.</source>
        <translation>Installieren Sie Rust (cargo) und Rove noch einmal, oder benutzen Sie ein Paket, das ihn enthält.</translation>
    </message>
    <message>
        <source>There is no network.</source>
        <translation>Es gibt kein Netz.</translation>
    </message>
    <message>
        <source>Connect to Wi-Fi, cable or mobile data first.</source>
        <translation>Verbinden Sie sich zuerst mit WLAN, Kabel oder Mobilfunk.</translation>
    </message>
    <message>
        <source>The gateway&apos;s name was not found.</source>
        <translation>Der Name des Gateways wurde nicht gefunden.</translation>
    </message>
    <message>
        <source>Check the network and gateway.address in the profile.</source>
        <translation>Prüfen Sie das Netz und gateway.address im Profil.</translation>
    </message>
    <message>
        <source>The gateway&apos;s name was not found: {detail}.</source>
        <translation>Der Name des Gateways wurde nicht gefunden: {detail}.</translation>
    </message>
    <message>
        <source>The gateway does not answer.</source>
        <translation>Das Gateway antwortet nicht.</translation>
    </message>
    <message>
        <source>Check its address; this network may block UDP ports 500 and 4500.</source>
        <translation>Prüfen Sie seine Adresse; vielleicht sperrt dieses Netz die UDP-Ports 500 und 4500.</translation>
    </message>
    <message>
        <source>The network or the gateway refuses UDP.</source>
        <translation>Das Netz oder das Gateway weist UDP ab.</translation>
    </message>
    <message>
        <source>Check the gateway&apos;s address, or try another network: this one may not allow VPNs.</source>
        <translation>Prüfen Sie die Adresse des Gateways, oder versuchen Sie ein anderes Netz: Dieses lässt vielleicht keine VPNs zu.</translation>
    </message>
    <message>
        <source>The gateway answers at first, but not to the log-in.</source>
        <translation>Das Gateway antwortet zuerst, aber nicht auf die Anmeldung.</translation>
    </message>
    <message>
        <source>This network may block UDP port 4500 or drop large packets: try another one. IKE fragmentation, at the gateway and in the profile (ike.fragmentation), keeps packets small.</source>
        <translation>Vielleicht sperrt dieses Netz den UDP-Port 4500 oder verwirft große Pakete: Versuchen Sie ein anderes. IKE-Fragmentierung, am Gateway und im Profil (ike.fragmentation), hält die Pakete klein.</translation>
    </message>
    <message>
        <source>This network wants you to log in, or to agree to something, before it lets anything pass.</source>
        <translation>Dieses Netz verlangt eine Anmeldung oder Zustimmung, bevor es etwas durchlässt.</translation>
    </message>
    <message>
        <source>Open the page that it names, or any, in a browser and do what it asks; Rove goes on by itself then.</source>
        <translation>Öffnen Sie die Seite, die es nennt, oder irgendeine, in einem Browser und tun Sie, was sie verlangt; Rove macht dann von selbst weiter.</translation>
    </message>
    <message>
        <source>The connection did not come up in time.</source>
        <translation>Die Verbindung kam nicht rechtzeitig zustande.</translation>
    </message>
    <message>
        <source>Try again, or allow more time with --timeout.</source>
        <translation>Versuchen Sie es noch einmal, oder lassen Sie mit --timeout mehr Zeit.</translation>
    </message>
    <message>
        <source>The gateway accepts none of the algorithms offered.</source>
        <translation>Das Gateway nimmt keines der angebotenen Verfahren an.</translation>
    </message>
    <message>
        <source>Ask whoever runs the gateway which ones it takes, and name them in ike.proposals. An old gateway may need ike.legacy = &quot;on&quot;.</source>
        <translation>Fragen Sie den Betreiber des Gateways, welche es annimmt, und nennen Sie sie in ike.proposals. Ein altes Gateway braucht vielleicht ike.legacy = &quot;on&quot;.</translation>
    </message>
    <message>
        <source>The gateway accepts none of the algorithms offered: {detail}.</source>
        <translation>Das Gateway nimmt keines der angebotenen Verfahren an: {detail}.</translation>
    </message>
    <message>
        <source>The gateway does not use the post-quantum key that the profile demands.</source>
        <translation>Das Gateway benutzt den Post-Quanten-Schlüssel nicht, den das Profil verlangt.</translation>
    </message>
    <message>
        <source>Ask whoever runs the gateway; without ike.ppk Rove connects without such a key.</source>
        <translation>Fragen Sie den Betreiber des Gateways; ohne ike.ppk verbindet sich Rove ohne einen solchen Schlüssel.</translation>
    </message>
    <message>
        <source>The gateway sent something that IKEv2 does not allow.</source>
        <translation>Das Gateway hat etwas gesendet, das IKEv2 nicht erlaubt.</translation>
    </message>
    <message>
        <source>The gateway&apos;s certificate is not from an authority that this profile trusts.</source>
        <translation>Das Zertifikat des Gateways ist nicht von einer Stelle, der dieses Profil vertraut.</translation>
    </message>
    <message>
        <source>Do not connect unless you can explain this. Check gateway.trust in the profile.</source>
        <translation>Verbinden Sie sich nicht, wenn Sie das nicht erklären können. Prüfen Sie gateway.trust im Profil.</translation>
    </message>
    <message>
        <source>The gateway&apos;s certificate is not valid now.</source>
        <translation>Das Zertifikat des Gateways ist jetzt nicht gültig.</translation>
    </message>
    <message>
        <source>Check this computer&apos;s date; if it is right, the gateway needs a new certificate.</source>
        <translation>Prüfen Sie das Datum dieses Rechners; stimmt es, braucht das Gateway ein neues Zertifikat.</translation>
    </message>
    <message>
        <source>The gateway&apos;s certificate is not valid now: {detail}.</source>
        <translation>Das Zertifikat des Gateways ist jetzt nicht gültig: {detail}.</translation>
    </message>
    <message>
        <source>The gateway has another key than the one that this profile pins.</source>
        <translation>Das Gateway hat einen anderen Schlüssel als den, auf den dieses Profil festgelegt ist.</translation>
    </message>
    <message>
        <source>Do not connect unless whoever runs the gateway confirms the new key; then change gateway.pin.</source>
        <translation>Verbinden Sie sich nicht, bevor der Betreiber des Gateways den neuen Schlüssel bestätigt; ändern Sie dann gateway.pin.</translation>
    </message>
    <message>
        <source>The gateway has another key than the one that this profile pins: {detail}.</source>
        <translation>Das Gateway hat einen anderen Schlüssel als den, auf den dieses Profil festgelegt ist: {detail}.</translation>
    </message>
    <message>
        <source>The gateway&apos;s certificate has been revoked.</source>
        <translation>Das Zertifikat des Gateways wurde widerrufen.</translation>
    </message>
    <message>
        <source>Do not connect. Whoever runs the gateway has to give it a new certificate.</source>
        <translation>Verbinden Sie sich nicht. Wer das Gateway betreibt, muss ihm ein neues Zertifikat geben.</translation>
    </message>
    <message>
        <source>The gateway&apos;s certificate has been revoked: {detail}.</source>
        <translation>Das Zertifikat des Gateways wurde widerrufen: {detail}.</translation>
    </message>
    <message>
        <source>It cannot be found out whether the gateway&apos;s certificate has been revoked.</source>
        <translation>Es ist nicht herauszufinden, ob das Zertifikat des Gateways widerrufen wurde.</translation>
    </message>
    <message>
        <source>The profile demands to know (gateway.revocation = &quot;strict&quot;). Try another network; if it persists, tell whoever runs the gateway.</source>
        <translation>Das Profil verlangt es zu wissen (gateway.revocation = &quot;strict&quot;). Versuchen Sie ein anderes Netz; bleibt es dabei, sagen Sie es dem Betreiber des Gateways.</translation>
    </message>
    <message>
        <source>It cannot be found out whether the gateway&apos;s certificate has been revoked: {detail}.</source>
        <translation>Es ist nicht herauszufinden, ob das Zertifikat des Gateways widerrufen wurde: {detail}.</translation>
    </message>
    <message>
        <source>The gateway&apos;s certificate is for another name.</source>
        <translation>Das Zertifikat des Gateways ist für einen anderen Namen.</translation>
    </message>
    <message>
        <source>Do not connect unless you can explain this. Check gateway.identity in the profile.</source>
        <translation>Verbinden Sie sich nicht, wenn Sie das nicht erklären können. Prüfen Sie gateway.identity im Profil.</translation>
    </message>
    <message>
        <source>The gateway&apos;s certificate is for another name: {detail}.</source>
        <translation>Das Zertifikat des Gateways ist für einen anderen Namen: {detail}.</translation>
    </message>
    <message>
        <source>The gateway&apos;s certificate is not made for a VPN gateway.</source>
        <translation>Das Zertifikat des Gateways ist nicht für ein VPN-Gateway gemacht.</translation>
    </message>
    <message>
        <source>The gateway could not prove that it is the one it claims to be.</source>
        <translation>Das Gateway konnte nicht beweisen, dass es das ist, wofür es sich ausgibt.</translation>
    </message>
    <message>
        <source>Do not connect on this network. With a pre-shared key, check that the key is right.</source>
        <translation>Verbinden Sie sich nicht in diesem Netz. Bei einem vorab geteilten Schlüssel prüfen Sie, ob er stimmt.</translation>
    </message>
    <message>
        <source>The gateway proves who it is by a signature with SHA-1, which this profile forbids.</source>
        <translation>Das Gateway weist sich mit einer SHA-1-Unterschrift aus, die dieses Profil verbietet.</translation>
    </message>
    <message>
        <source>Ask whoever runs the gateway to sign with SHA-2 (RFC 7427), or set ike.legacy = &quot;off&quot;.</source>
        <translation>Bitten Sie den Betreiber des Gateways, mit SHA-2 zu unterschreiben (RFC 7427), oder setzen Sie ike.legacy = &quot;off&quot;.</translation>
    </message>
    <message>
        <source>The gateway wanted your credentials without proving who it is.</source>
        <translation>Das Gateway wollte Ihre Zugangsdaten, ohne sich auszuweisen.</translation>
    </message>
    <message>
        <source>Nothing was sent. Do not connect on this network; tell whoever runs the gateway.</source>
        <translation>Es wurde nichts gesendet. Verbinden Sie sich nicht in diesem Netz; sagen Sie es dem Betreiber des Gateways.</translation>
    </message>
    <message>
        <source>The gateway refused your user name, password, key or certificate.</source>
        <translation>Das Gateway hat Benutzernamen, Passwort, Schlüssel oder Zertifikat abgelehnt.</translation>
    </message>
    <message>
        <source>Check them and connect again. Rove does not retry by itself: accounts get locked.</source>
        <translation>Prüfen Sie sie und verbinden Sie sich erneut. Rove versucht es nicht von selbst: Konten werden gesperrt.</translation>
    </message>
    <message>
        <source>The gateway refused your user name, password, key or certificate: {detail}.</source>
        <translation>Das Gateway hat Benutzernamen, Passwort, Schlüssel oder Zertifikat abgelehnt: {detail}.</translation>
    </message>
    <message>
        <source>Your certificate has expired.</source>
        <translation>Ihr Zertifikat ist abgelaufen.</translation>
    </message>
    <message>
        <source>Get a new certificate from whoever issued it, import the profile with it, and connect again.</source>
        <translation>Besorgen Sie vom Aussteller ein neues Zertifikat, importieren Sie das Profil damit und verbinden Sie sich erneut.</translation>
    </message>
    <message>
        <source>Your certificate has expired: {detail}.</source>
        <translation>Ihr Zertifikat ist abgelaufen: {detail}.</translation>
    </message>
    <message>
        <source>The gateway refused the post-quantum key, or your login with it.</source>
        <translation>Das Gateway hat den Post-Quanten-Schlüssel abgelehnt, oder Ihre Anmeldung damit.</translation>
    </message>
    <message>
        <source>Check the key and its name in ike.ppk, then connect again. Rove does not retry by itself.</source>
        <translation>Prüfen Sie den Schlüssel und seinen Namen in ike.ppk und verbinden Sie sich erneut. Rove versucht es nicht von selbst.</translation>
    </message>
    <message>
        <source>The gateway does not take several logins one after the other.</source>
        <translation>Das Gateway nimmt nicht mehrere Anmeldungen nacheinander an.</translation>
    </message>
    <message>
        <source>Ask whoever runs the gateway how to log in, and name one way in user.auth.</source>
        <translation>Fragen Sie den Betreiber des Gateways, wie man sich anmeldet, und nennen Sie in user.auth nur eine Art.</translation>
    </message>
    <message>
        <source>The gateway asks for a way to log in that this version does not have.</source>
        <translation>Das Gateway verlangt eine Art der Anmeldung, die diese Version nicht kennt.</translation>
    </message>
    <message>
        <source>The gateway accepts none of the algorithms offered for the traffic.</source>
        <translation>Das Gateway nimmt keines der für den Verkehr angebotenen Verfahren an.</translation>
    </message>
    <message>
        <source>Ask whoever runs the gateway which ones it takes, and name them in ike.esp_proposals. An old gateway may need ike.legacy = &quot;on&quot;.</source>
        <translation>Fragen Sie den Betreiber des Gateways, welche es annimmt, und nennen Sie sie in ike.esp_proposals. Ein altes Gateway braucht vielleicht ike.legacy = &quot;on&quot;.</translation>
    </message>
    <message>
        <source>The gateway accepts none of the algorithms offered for the traffic: {detail}.</source>
        <translation>Das Gateway nimmt keines der für den Verkehr angebotenen Verfahren an: {detail}.</translation>
    </message>
    <message>
        <source>The gateway does not serve the networks this profile asks for.</source>
        <translation>Das Gateway bedient die Netze nicht, die dieses Profil verlangt.</translation>
    </message>
    <message>
        <source>Check tunnel.remote or the [[child]] tables in the profile.</source>
        <translation>Prüfen Sie tunnel.remote oder die [[child]]-Tabellen im Profil.</translation>
    </message>
    <message>
        <source>The gateway has no address for this computer.</source>
        <translation>Das Gateway hat keine Adresse für diesen Rechner.</translation>
    </message>
    <message>
        <source>The gateway wants to give this computer an address, but did not understand that it was asked for one.</source>
        <translation>Das Gateway will diesem Rechner eine Adresse geben, hat aber nicht verstanden, dass es darum gebeten wurde.</translation>
    </message>
    <message>
        <source>The gateway accepted you but not the tunnel.</source>
        <translation>Das Gateway hat Sie angenommen, aber nicht den Tunnel.</translation>
    </message>
    <message>
        <source>This computer&apos;s network could not be set up for the tunnel.</source>
        <translation>Das Netz dieses Rechners konnte nicht für den Tunnel eingerichtet werden.</translation>
    </message>
    <message>
        <source>“rove log” says more.</source>
        <translation>„rove log“ sagt mehr.</translation>
    </message>
    <message>
        <source>The gateway no longer answers.</source>
        <translation>Das Gateway antwortet nicht mehr.</translation>
    </message>
    <message>
        <source>Check the network; then connect again.</source>
        <translation>Prüfen Sie das Netz und verbinden Sie sich dann erneut.</translation>
    </message>
    <message>
        <source>The gateway ended the connection.</source>
        <translation>Das Gateway hat die Verbindung beendet.</translation>
    </message>
    <message>
        <source>Connect again; if it persists, tell whoever runs the gateway.</source>
        <translation>Verbinden Sie sich erneut; bleibt es dabei, sagen Sie es dem Betreiber des Gateways.</translation>
    </message>
    <message>
        <source>The connection&apos;s keys expired before they could be renewed.</source>
        <translation>Die Schlüssel der Verbindung sind abgelaufen, bevor sie erneuert werden konnten.</translation>
    </message>
    <message>
        <source>Connect again.</source>
        <translation>Verbinden Sie sich erneut.</translation>
    </message>
    <message>
        <source>It was time to log in again and nobody did, so the connection was ended.</source>
        <translation>Es war Zeit für eine neue Anmeldung, und niemand hat sich angemeldet; deshalb wurde die Verbindung beendet.</translation>
    </message>
    <message>
        <source>Rove made a mistake.</source>
        <translation>Rove hat einen Fehler gemacht.</translation>
    </message>
    <message>
        <source>“rove log” says more; please report it.</source>
        <translation>„rove log“ sagt mehr; bitte melden Sie es.</translation>
    </message>
    <message>
        <source>The gateway refuses a part of the tunnel; Rove asks again from time to time ({detail}).</source>
        <translation>Das Gateway lehnt einen Teil des Tunnels ab; Rove fragt von Zeit zu Zeit wieder ({detail}).</translation>
    </message>
    <message>
        <source>A part of the tunnel is gone; Rove makes it anew ({detail}).</source>
        <translation>Ein Teil des Tunnels ist weg; Rove baut ihn neu auf ({detail}).</translation>
    </message>
    <message>
        <source>The gateway wants each network in a tunnel of its own.</source>
        <translation>Das Gateway will für jedes Netz einen eigenen Tunnel.</translation>
    </message>
    <message>
        <source>The gateway gives some of the networks in a tunnel of their own: {detail}.</source>
        <translation>Das Gateway gibt einige der Netze in einem eigenen Tunnel: {detail}.</translation>
    </message>
    <message>
        <source>The gateway wants the tunnel in more parts than Rove makes: {detail} are missing.</source>
        <translation>Das Gateway will den Tunnel in mehr Teilen, als Rove anlegt: {detail} fehlen.</translation>
    </message>
    <message>
        <source>Paused; Rove connects again by itself at {until}.</source>
        <translation>Pausiert; Rove verbindet um {until} von selbst wieder.</translation>
    </message>
    <message>
        <source>Rove waits for what you have to type, until {until}.</source>
        <translation>Rove wartet auf Ihre Eingabe, bis {until}.</translation>
    </message>
    <message>
        <source>This network wants you to log in first, on the page {url} that it names.</source>
        <translation>Dieses Netz verlangt zuerst eine Anmeldung, auf der Seite {url}, die es nennt.</translation>
    </message>
    <message>
        <source>This network wants you to log in first. Open any page in a browser.</source>
        <translation>Dieses Netz verlangt zuerst eine Anmeldung. Öffnen Sie irgendeine Seite in einem Browser.</translation>
    </message>
    <message>
        <source>It could not be found out whether the gateway&apos;s certificate has been revoked ({detail}).</source>
        <translation>Es war nicht herauszufinden, ob das Zertifikat des Gateways widerrufen wurde ({detail}).</translation>
    </message>
    <message>
        <source>Your certificate {name} expires in less than {left}, on {date}. Get a new one in time: Rove does not keep a connection whose certificate has expired.</source>
        <translation>Ihr Zertifikat {name} läuft in weniger als {left} ab, am {date}. Besorgen Sie rechtzeitig ein neues: Rove hält keine Verbindung, deren Zertifikat abgelaufen ist.</translation>
    </message>
    <message>
        <source>The gateway&apos;s certificate {name} expires in less than {left}, on {date}. If it is not renewed, the connection ends then.</source>
        <translation>Das Zertifikat {name} des Gateways läuft in weniger als {left} ab, am {date}. Wird es nicht erneuert, endet die Verbindung dann.</translation>
    </message>
    <message>
        <source>You have to log in again, and that did not work: {why} “rove reauth” tries once more; until {until} the connection goes on as it is.</source>
        <translation>Sie müssen sich neu anmelden, und das gelang nicht: {why} „rove reauth“ versucht es noch einmal; bis {until} besteht die Verbindung weiter, wie sie ist.</translation>
    </message>
    <message>
        <source>The gateway did not renew the tunnel&apos;s keys in time; Rove logged in again instead. Whoever runs the gateway should compare its settings with ike.pfs and ike.esp_proposals.</source>
        <translation>Das Gateway hat die Schlüssel des Tunnels nicht rechtzeitig erneuert; Rove hat sich stattdessen neu angemeldet. Der Betreiber des Gateways sollte seine Einstellungen mit ike.pfs und ike.esp_proposals vergleichen.</translation>
    </message>
    <message>
        <source>Asked the gateway to take the session back</source>
        <translation>Das Gateway gebeten, die Sitzung wieder aufzunehmen</translation>
    </message>
    <message>
        <source>Agreed on algorithms</source>
        <translation>Auf Verfahren geeinigt</translation>
    </message>
    <message>
        <source>Gateway is who it claims to be</source>
        <translation>Das Gateway ist, wofür es sich ausgibt</translation>
    </message>
    <message>
        <source>Gateway accepted you</source>
        <translation>Das Gateway hat Sie angenommen</translation>
    </message>
    <message>
        <source>IKE SA is up</source>
        <translation>IKE-SA steht</translation>
    </message>
    <message>
        <source>Connected</source>
        <translation>Verbunden</translation>
    </message>
    <message>
        <source>Moving to another network</source>
        <translation>Wechsel in ein anderes Netz</translation>
    </message>
    <message>
        <source>Moved to another network</source>
        <translation>In ein anderes Netz gewechselt</translation>
    </message>
    <message>
        <source>The network lets us pass</source>
        <translation>Das Netz lässt uns durch</translation>
    </message>
    <message>
        <source>Gateway refused the move</source>
        <translation>Das Gateway hat den Wechsel abgelehnt</translation>
    </message>
    <message>
        <source>Gateway asks for a certificate of another authority</source>
        <translation>Das Gateway verlangt ein Zertifikat einer anderen Stelle</translation>
    </message>
    <message>
        <source>A certificate will expire</source>
        <translation>Ein Zertifikat läuft bald ab</translation>
    </message>
    <message>
        <source>Time to log in again</source>
        <translation>Zeit für eine neue Anmeldung</translation>
    </message>
    <message>
        <source>Logged in again</source>
        <translation>Neu angemeldet</translation>
    </message>
    <message>
        <source>Gateway sends us to another gateway</source>
        <translation>Das Gateway schickt uns zu einem anderen Gateway</translation>
    </message>
    <message>
        <source>IKE SA renewed</source>
        <translation>IKE-SA erneuert</translation>
    </message>
    <message>
        <source>Gateway renewed the tunnel&apos;s keys</source>
        <translation>Das Gateway hat die Schlüssel des Tunnels erneuert</translation>
    </message>
    <message>
        <source>Gateway refused new keys</source>
        <translation>Das Gateway hat neue Schlüssel abgelehnt</translation>
    </message>
    <message>
        <source>Keys are renewed without PFS</source>
        <translation>Schlüssel werden ohne PFS erneuert</translation>
    </message>
    <message>
        <source>Gateway refused a part of the tunnel</source>
        <translation>Das Gateway hat einen Teil des Tunnels abgelehnt</translation>
    </message>
    <message>
        <source>A part of the tunnel is gone</source>
        <translation>Ein Teil des Tunnels ist weg</translation>
    </message>
    <message>
        <source>Gateway wants each network on its own</source>
        <translation>Das Gateway will jedes Netz für sich</translation>
    </message>
    <message>
        <source>Gateway gives the other networks separately</source>
        <translation>Das Gateway gibt die anderen Netze getrennt</translation>
    </message>
    <message>
        <source>Gateway wants the tunnel in too many parts</source>
        <translation>Das Gateway will den Tunnel in zu vielen Teilen</translation>
    </message>
    <message>
        <source>Gateway wants to make the tunnel after logging in</source>
        <translation>Das Gateway will den Tunnel nach der Anmeldung aufbauen</translation>
    </message>
    <message>
        <source>Gateway granted more than was asked for</source>
        <translation>Das Gateway hat mehr gewährt als verlangt</translation>
    </message>
    <message>
        <source>Gateway reported an error</source>
        <translation>Das Gateway hat einen Fehler gemeldet</translation>
    </message>
    <message>
        <source>disconnected</source>
        <translation>getrennt</translation>
    </message>
    <message>
        <source>connecting</source>
        <translation>verbindet</translation>
    </message>
    <message>
        <source>waiting for you</source>
        <translation>wartet auf Sie</translation>
    </message>
    <message>
        <source>changing networks</source>
        <translation>wechselt das Netz</translation>
    </message>
    <message>
        <source>reconnecting</source>
        <translation>verbindet neu</translation>
    </message>
    <message>
        <source>waiting for a network</source>
        <translation>wartet auf ein Netz</translation>
    </message>
    <message>
        <source>blocked</source>
        <translation>gesperrt</translation>
    </message>
    <message>
        <source>failed</source>
        <translation>gescheitert</translation>
    </message>
    <message>
        <source>paused, connects again in {time}</source>
        <translation>pausiert, verbindet wieder in {time}</translation>
    </message>
    <message>
        <source>I &amp;have compared this fingerprint with that of whoever runs the gateway</source>
        <translation>Ich habe diesen Fingerabdruck mit dem ver&amp;glichen, den der Betreiber des Gateways hat</translation>
    </message>
    <message>
        <source>&amp;Pin this key</source>
        <translation>Diesen Schlüssel &amp;festlegen</translation>
    </message>
    <message>
        <source>Is this the gateway?</source>
        <translation>Ist das das Gateway?</translation>
    </message>
    <message>
        <source>Fingerprint (SHA-256): {digits}</source>
        <translation>Fingerabdruck (SHA-256): {digits}</translation>
    </message>
    <message>
        <source>Fingerprint of its key (SHA-256):</source>
        <translation>Fingerabdruck seines Schlüssels (SHA-256):</translation>
    </message>
    <message>
        <source>Ask whoever runs the gateway for it, by telephone or in person: not over this network.</source>
        <translation>Fragen Sie den Betreiber des Gateways danach, am Telefon oder persönlich: nicht über dieses Netz.</translation>
    </message>
    <message>
        <source>The gateway had another key before. That may be a new key of the gateway, or somebody who plays the gateway to get at your password and traffic.</source>
        <translation>Das Gateway hatte bisher einen anderen Schlüssel. Das kann ein neuer Schlüssel des Gateways sein, oder jemand, der sich als das Gateway ausgibt, um an Ihr Passwort und Ihren Verkehr zu kommen.</translation>
    </message>
    <message>
        <source>No authority that the profile trusts vouches for this gateway. Once its key is pinned, that key alone counts, and authorities no more.</source>
        <translation>Keine Zertifizierungsstelle, der das Profil vertraut, bürgt für dieses Gateway. Ist sein Schlüssel festgelegt, zählt nur noch dieser Schlüssel, und keine Stelle mehr.</translation>
    </message>
</context>
</TS>
