#!/bin/sh
# An authority of your own, and by it a certificate for the brokers of a site:
#
#   infra/nats/certificate.sh FOLDER NAME...
#
# A NAME is a name or an address in URLs of the broker; "*.nats-headless" are all of one
# label before it. FOLDER has then ca.crt, for who connects; tls.crt and tls.key, for the
# brokers; ca.key, with which to call this again before a year is over: keep it elsewhere.
# Where there is an authority already, such as cert-manager's, let that one do it.
set -eu
umask 077
[ $# -ge 2 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2; }
folder=$1
shift
names=
for name; do
  case $name in
    *:*) names="$names,IP:$name" ;;
    *[!0-9.]*) names="$names,DNS:$name" ;;
    *) names="$names,IP:$name" ;;
  esac
done
mkdir -p "$folder"
cd "$folder"
key() {
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null
}

if [ ! -e ca.key ]; then
  key ca.key
  openssl req -x509 -new -key ca.key -days 3650 -subj "/CN=RoboMetrics" -out ca.crt \
    -addext "keyUsage=critical,keyCertSign,cRLSign"
fi
key tls.key
openssl req -new -key tls.key -subj "/CN=broker" -out tls.csr
cat > tls.ext <<END
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth,clientAuth
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
subjectAltName=${names#,}
END
openssl x509 -req -in tls.csr -CA ca.crt -CAkey ca.key -days 365 -extfile tls.ext \
  -out tls.crt 2>/dev/null
rm tls.csr tls.ext
chmod 644 ca.crt tls.crt
