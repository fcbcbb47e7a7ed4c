/** A directory of the host that no container may touch, and that shows whether one has. */
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Canary {
  readonly path: string
  /** What is different now, one line each: none is good. */
  differences(): string[]
}

export function makeCanary(directory: string): Canary {
  const path = join(directory, 'canary')
  mkdirSync(join(path, 'sub'), { recursive: true, mode: 0o700 })
  for (const name of ['file', 'null', 'sub/file'])
    writeFileSync(join(path, name), `content of ${name}`, { mode: 0o600 })
  const before = snapshot(path)
  const differences = (): string[] => {
    const now = [...snapshot(path), ...mountsBelow(path)]
    return [
      ...now.filter(line => !before.includes(line)).map(line => `+ ${line}`),
      ...before.filter(line => !now.includes(line)).map(line => `- ${line}`),
    ]
  }
  return { path, differences }
}

/** Names, types, modes, owners and contents. */
function snapshot(path: string): string[] {
  const { mode, uid, gid, rdev } = lstatSync(path)
  const own = `${path} ${mode.toString(8)} ${uid}:${gid} ${rdev}`
  if ((mode & 0o170000) === 0o120000) return [`${own} -> ${readlinkSync(path)}`]
  if ((mode & 0o170000) === 0o100000) return [`${own} ${readFileSync(path, 'utf8')}`]
  if ((mode & 0o170000) !== 0o040000) return [own]
  return [own, ...readdirSync(path).flatMap(name => snapshot(join(path, name)))]
}

const mountsBelow = (path: string): string[] =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter(line => line.includes(path))
