/** Where the sources of QuickJS-ng are. */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const OLDEST = [0, 17]

export const HOW_TO_GET = `tsrun: the sources of QuickJS-ng ${OLDEST.join('.')} or newer were not found.
  Debian 14, 13 with backports, Ubuntu 26.04:  apt-get install qjs-src
  Older ones:                                  scripts/standalone/get-engine.sh, which unpacks Debian's package below node_modules/.cache
  Others:                                      set QUICKJS_NG to the folder of its release that quickjs.c is in
Then:                                          npm run build:standalone`

/** What Debian's package has: a prefix of pkg-config's is of use only if the sources are below it too. */
function packaged() {
  const { stdout, status } = spawnSync('pkg-config', ['--variable=prefix', 'quickjs-ng'], { encoding: 'utf8' })
  return status === 0 && stdout.trim() !== '' ? [join(stdout.trim(), 'src', 'quickjs-ng')] : []
}

function versionOf(folder) {
  const header = readFileSync(join(folder, 'quickjs.h'), 'utf8')
  return ['MAJOR', 'MINOR', 'PATCH'].map(part =>
    Number(new RegExp(`QJS_VERSION_${part} +(\\d+)`).exec(header)?.[1] ?? 0),
  )
}

/** The folder, with the version; null: there is none that is new enough. */
export function findEngine(root, given = process.env.QUICKJS_NG) {
  const cached = join(root, 'node_modules', '.cache', 'quickjs-ng', 'usr', 'src', 'quickjs-ng')
  const folders = given ? [given] : [cached, '/usr/src/quickjs-ng', '/usr/share/quickjs-ng', ...packaged()]
  const found = folders
    .filter(folder => existsSync(join(folder, 'quickjs.c')))
    .map(folder => ({ folder, version: versionOf(folder) }))
  return found.find(({ version: [major, minor] }) => major > OLDEST[0] || minor >= OLDEST[1]) ?? null
}
