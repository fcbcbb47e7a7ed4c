import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'

const MAKE = `
set -e; umask 022
mkdir -p d/e "sp ace" ro; echo hello > d/f; ln d/f d/g; ln d/f hard; ln -s ../../etc/passwd d/l; ln -s gone dangling
mkfifo p; mknod c c 1 3; mknod b b 7 200; head -c 3000000 /dev/urandom > big; truncate -s 5M holes; printf x | dd of=holes bs=1 seek=2000000 conv=notrunc 2>/dev/null
: > empty; chmod 4755 d/f; chmod 2755 d/e; chmod 1777 "sp ace"; chmod 555 ro; chmod 000 empty; chown -R 1000:1001 "sp ace"; chown 65534 ro; chown -h 5:6 d/l
mkdir -p $(printf 'n%.0s' $(seq 100))/$(printf 'm%.0s' $(seq 150)); : > $(printf 'n%.0s' $(seq 100))/$(printf 'm%.0s' $(seq 150))/x
printf x > "$(printf 'latin\\344')"; touch -d '1969-12-31 23:59:58.25 UTC' d/e; touch -h -d '2001-02-03 04:05:06.789' d/l; touch -d '2099-01-01' big; chown 3000000000:2100000000 big
python3 -c "import os; os.setxattr('d/f', 'user.note', bytes(range(256))); os.setxattr('big', 'security.capability', bytes.fromhex('0100000200200000000000000000000000000000')); os.setxattr('d/e', 'user.dir', b'')"
`

/** A tree of everything that a layer can have, and the archive that a program makes of it. */
export function everything(folder: string): string {
  const source = join(folder, 'source')
  mkdirSync(source)
  execFileSync('bash', ['-c', MAKE], { cwd: source })
  return source
}
