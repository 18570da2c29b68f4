# Makes, in namespaces of network and mounts, what an sshd on 127.0.0.1:2222 needs, with sudo and a user for each thing that can be
# wrong. Arguments: the folders of the unpacked packages in one word, and the folder for the keys.
set -e
packages=$1 keys=$2
ip route add unreachable 203.0.113.1

# What is written to /etc and /usr stays in this namespace.
mount -t tmpfs tmpfs /mnt
mkdir -p /mnt/etc /mnt/etc-work /mnt/usr /mnt/usr-work
lower=
for package in $packages; do
  cp -a "$package/etc/." /mnt/etc/ 2>/dev/null || true
  lower="$package/usr:$lower"
done
mount -t overlay overlay -o "lowerdir=/etc,upperdir=/mnt/etc,workdir=/mnt/etc-work" /etc
mount -t overlay overlay -o "lowerdir=${lower}/usr,upperdir=/mnt/usr,workdir=/mnt/usr-work" /usr
mount -t tmpfs tmpfs /home
mount -t tmpfs tmpfs /run
mkdir /run/sshd

ssh-keygen -q -t ed25519 -N '' -f "$keys/key"
ssh-keygen -q -t ed25519 -N '' -f "$keys/another"
ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/host_key
echo "[127.0.0.1]:2222 $(cut -d ' ' -f 1,2 /etc/ssh/host_key.pub)" > "$keys/known"
echo "[127.0.0.1]:2222 $(cut -d ' ' -f 1,2 "$keys/another.pub")" > "$keys/changed"
touch "$keys/unknown"

# Certificates that have ended: a user's, and that of the host on port 2225, whose CA alone is known there.
ssh-keygen -q -t ed25519 -N '' -f "$keys/ca"
ssh-keygen -q -t ed25519 -N '' -f "$keys/dated"
ssh-keygen -q -s "$keys/ca" -I ops -n ops -V -2h:-1h "$keys/dated.pub"
cp "$keys/ca.pub" /etc/ssh/user_ca.pub
cp /etc/ssh/host_key /etc/ssh/dated_key
cp /etc/ssh/host_key.pub /etc/ssh/dated_key.pub
ssh-keygen -q -s "$keys/ca" -h -I node -n 127.0.0.1 -V -2h:-1h /etc/ssh/dated_key.pub
echo "@cert-authority [127.0.0.1]:2225 $(cut -d ' ' -f 1,2 "$keys/ca.pub")" > "$keys/authority"

password=$(openssl passwd -6 right)
useradd -r sshd 2>/dev/null || true
for user in ops asked outsider terminal nologin falls; do
  shell=/bin/sh
  case $user in nologin) shell=/usr/sbin/nologin ;; falls) shell=/bin/false ;; esac
  useradd -m -s "$shell" -p "$password" "$user"
  mkdir "/home/$user/.ssh"
  cp "$keys/key.pub" "/home/$user/.ssh/authorized_keys"
done
cat > /etc/sudoers <<'SUDOERS'
Defaults:terminal requiretty
ops, nologin, falls, terminal ALL=(ALL) NOPASSWD: ALL
asked ALL=(ALL) ALL
SUDOERS
chmod 440 /etc/sudoers

# Pythons that do not work: a shim without a version, one without a folder to write to, and one that is no program.
cat > /usr/bin/python-shim <<'SHIM'
#!/bin/sh
printf "pyenv: python3: command not found\n\nThe \`python3' command exists in these Python versions:\n  3.8.18\n" >&2
exit 127
SHIM
cat > /usr/bin/python-full <<'FULL'
#!/bin/sh
exec unshare -m sh -c 'mount -t tmpfs -o ro none /tmp && mount --bind /tmp /var/tmp && cd /proc && exec /usr/bin/python3 "$@"' sh "$@"
FULL
chmod 755 /usr/bin/python-shim /usr/bin/python-full

cat > /etc/ssh/sshd_test <<'SSHD'
Port 2222
ListenAddress 127.0.0.1
HostKey /etc/ssh/host_key
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
MaxStartups 100
TrustedUserCAKeys /etc/ssh/user_ca.pub
SSHD
{
  sed -e 's/^Port .*/Port 2225/' -e 's/host_key$/dated_key/' /etc/ssh/sshd_test
  echo "HostCertificate /etc/ssh/dated_key-cert.pub"
  echo "PidFile none"
} > /etc/ssh/sshd_dated
