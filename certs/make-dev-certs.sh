#!/bin/sh
# Makes a development authority and a server certificate that it signed, for this computer only.
# See README.md in this folder for when that is useful.

set -eu

usage() {
    cat <<EOF
Usage: make-dev-certs.sh [--force] [FOLDER]

Makes in FOLDER (without one: the folder "dev" next to this script)
  ca.pem      the certificate of a development authority: clients trust it
  ca.key      its private key
  server.pem  a server's certificate for localhost, 127.0.0.1 and ::1
  server.key  its private key

  --force  replace what is there; clients that trust the old authority or key stop doing so
EOF
}

fail() {
    printf 'make-dev-certs.sh: %s\n' "$1" >&2
    exit 1
}

folder=
force=no
for argument in "$@"; do
    case $argument in
        --force) force=yes ;;
        -h | --help)
            usage
            exit 0
            ;;
        -*) fail "there is no option $argument (try --help)" ;;
        '') fail 'the folder has no name' ;;
        *)
            [ -z "$folder" ] || fail 'one folder at a time (try --help)'
            folder=$argument
            ;;
    esac
done
[ -n "$folder" ] || folder=$(dirname -- "$0")/dev

command -v openssl >/dev/null 2>&1 || fail 'openssl is needed and was not found; install it first'

# Keys are nobody else's from their first moment, not from a chmod later.
umask 077
mkdir -p -- "$folder" || fail "the folder $folder cannot be made"
folder=$(cd -- "$folder" && pwd)

for name in ca.pem ca.key server.pem server.key; do
    if [ -e "$folder/$name" ] && [ "$force" = no ]; then
        fail "$folder/$name exists already; --force replaces it"
    fi
done

# All four are made aside and moved together, so an interrupted run leaves the old ones whole.
work=$(mktemp -d "$folder/.making.XXXXXX")
trap 'rm -rf -- "$work"' EXIT
trap 'exit 1' HUP INT TERM

# openssl reports progress on standard error; show it only when a step fails.
run() {
    "$@" >"$work/log" 2>&1 || {
        cat -- "$work/log" >&2
        fail "this failed: $*"
    }
}

# The authority may sign for this computer and nothing else, so a stolen ca.key harms no other site.
cat >"$work/openssl.conf" <<'EOF'
[req]
distinguished_name = nothing_to_ask
prompt = no

[nothing_to_ask]

[authority]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
nameConstraints = critical, @only_here

[only_here]
permitted;DNS.1 = localhost
permitted;IP.1 = 127.0.0.1/255.255.255.255
permitted;IP.2 = 0:0:0:0:0:0:0:1/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff

[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost, IP:127.0.0.1, IP:::1
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
EOF

days=365

# A name of its own for each authority: two of one name, both trusted, make for baffling errors.
mark=$(openssl rand -hex 4)

run openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$work/ca.key"
run openssl req -x509 -new -sha256 -days "$days" -config "$work/openssl.conf" -extensions authority \
    -subj "/CN=Chatroom development authority $mark" -key "$work/ca.key" -out "$work/ca.pem"

run openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$work/server.key"
run openssl req -new -sha256 -config "$work/openssl.conf" -subj '/CN=Chatroom development server' \
    -key "$work/server.key" -out "$work/server.csr"
run openssl x509 -req -sha256 -days "$days" -extfile "$work/openssl.conf" -extensions server \
    -CA "$work/ca.pem" -CAkey "$work/ca.key" -set_serial "0x$(openssl rand -hex 16)" \
    -in "$work/server.csr" -out "$work/server.pem"

run openssl verify -purpose sslserver -CAfile "$work/ca.pem" "$work/server.pem"

fingerprint=$(openssl x509 -in "$work/server.pem" -noout -pubkey |
    openssl pkey -pubin -outform DER | openssl dgst -sha256 -r | cut -d ' ' -f 1)

# Certificates are public, and a server under another account may have to read them.
chmod 644 "$work/ca.pem" "$work/server.pem"
for name in ca.key ca.pem server.key server.pem; do
    mv -f -- "$work/$name" "$folder/$name"
done

cat <<EOF
Made in $folder, good for $days days:
  ca.pem      development authority, for clients
  ca.key      its private key; keep it here or delete it
  server.pem  certificate for localhost, 127.0.0.1 and ::1
  server.key  its private key

Start a server with
  cargo run -p server-smol -- --cert '$folder/server.pem' --key '$folder/server.key'

Clients on this computer then need one of
  --ca '$folder/ca.pem'
  --key sha256:$fingerprint
EOF
