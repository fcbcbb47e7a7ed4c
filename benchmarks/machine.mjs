/** The machine that is measured on, and what the benchmarks write. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, statfsSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, release } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))

export const command = join(here, '..', 'dist', 'cli', 'tsrun.cjs')
/** The command without Node (npm run build:standalone). */
export const executable = join(here, '..', 'native', 'build', 'standalone', 'tsrun')
export const say = text => console.error(`bench: ${text}`)
export const pathOf = program => execFileSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).trim()
const versionOf = program => execFileSync(program, ['--version'], { encoding: 'utf8' }).split('\n')[0]

/** How busy others keep the machine: 1 is one processor all the time. Taken before there is a load of our own. */
const [load] = loadavg()

// Node decodes these certificates whenever it starts: on one machine 38 ms of each call, which is twice the rest.
delete process.env.NODE_EXTRA_CA_CERTS

/** Throws where something is missing, and warns where the figures would not be worth much. */
export function demand(programs) {
  if (process.geteuid() !== 0) throw new Error('the benchmarks need root')
  if (!existsSync(command)) throw new Error('run `npm run build` first')
  for (const program of programs) {
    try {
      pathOf(program)
    } catch (cause) {
      throw new Error(`the benchmarks need ${program}`, { cause })
    }
  }
  if (load > 0.3) say(`the machine is busy (load ${load.toFixed(1)}): do not trust the figures`)
}

const TMPFS = 0x01021994

/**
 * A new folder for the state of all runtimes. They keep it below /run, which is a file system in memory; where a machine has
 * a disk there, memory is taken all the same: how long a disk takes to forget a directory is nothing of theirs.
 */
export function makeStateFolder() {
  const parent = ['/run', '/dev/shm'].find(path => existsSync(path) && statfsSync(path).type === TMPFS)
  if (parent === undefined) say('no file system in memory: the state of the runtimes is on a disk')
  return mkdtempSync(join(parent ?? '/run', 'tsrun-bench-'))
}

export const machine = () => ({
  date: new Date().toISOString(),
  load,
  kernel: release(),
  processors: cpus().length,
  processor: cpus()[0]?.model,
  node: process.version,
  runc: versionOf('runc'),
  crun: versionOf('crun'),
})

export function write(figures, kind = '') {
  const folder = join(here, 'results')
  mkdirSync(folder, { recursive: true })
  const path = join(folder, `${kind}${figures.machine.date.replaceAll(':', '-')}.json`)
  writeFileSync(path, `${JSON.stringify(figures, null, 2)}\n`)
  say(`written to ${path}`)
}
