/** Runs the init helper on a plan by way of launch.c, and makes roots for it: no FFI and no runtime in the way. */
import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decode } from 'cbor-x'
import type { Test } from 'tap'
import { encodePlan } from '../../lib/plan/encode.js'
import { CLONE, MOUNT_ATTR, MS } from '../../lib/plan/flags.js'
import type { Op } from '../../lib/plan/ops.js'
import { op, slotsOf } from './plans.js'

export const NAMESPACES = CLONE.NEWNS | CLONE.NEWPID | CLONE.NEWIPC | CLONE.NEWUTS | CLONE.NEWNET

/** What the helper told, frame by frame; 'start' stands between the control socket and the start socket. */
export interface Launched {
  readonly told: readonly unknown[]
  readonly stdout: string
  /** The exit status, 128 and the signal, or, of an abandoned helper, its process id. */
  readonly exit: number
}

export interface Launch {
  readonly ops: readonly Op[]
  /** As launch.c takes them, in the order of the ops. */
  readonly slots: readonly string[]
  readonly flags?: number
  /** What the plan says. Default: as many as there are. */
  readonly slotCount?: number
  /** Default: a pipe that is at its end. */
  readonly stdin?: 'pipe' | 'ignore'
  /** A shell script that runs the launcher as "$@", in a mount namespace of its own. */
  readonly around?: string
}

/** Compiles the helper and launch.c into a folder that is removed after the test. */
export function buildLauncher(t: Test): (launch: Launch) => Launched {
  const folder = temporaryFolder(t)
  const compiler = process.env.CC ?? 'cc'
  const flags = readFileSync('native/init/flags.txt', 'utf8')
    .split('\n')
    .filter(flag => /^-/.test(flag))
  execFileSync('sh', ['-c', '"$0" "$@" native/init/*.c', compiler, ...flags, '-o', join(folder, 'init')])
  execFileSync(compiler, ['-Wall', '-Wextra', '-Werror', '-o', join(folder, 'launch'), 'test/native/launch.c'])
  return launch => runLauncher(folder, launch)
}

export function temporaryFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'tsrun-native-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

function runLauncher(folder: string, { ops, slots, flags = NAMESPACES, stdin = 'pipe', ...rest }: Launch): Launched {
  const { around, slotCount = slots.filter(slot => slot !== 'abandon').length } = rest
  const file = join(folder, 'plan')
  writeFileSync(file, encodePlan({ cloneFlags: flags, preserveFds: 0, slots: slotsOf(ops, slotCount), ops }))
  const launcher = [join(folder, 'launch'), join(folder, 'init'), file, flags.toString(16), ...slots]
  const [command, ...args] = around === undefined ? launcher : ['unshare', '-m', 'sh', '-c', around, 'sh', ...launcher]
  const { status, signal, stdout, stderr } = spawnSync(command ?? '', args, {
    encoding: 'utf8',
    stdio: [stdin, 'pipe', 'pipe'],
    timeout: 10_000,
  })
  const lines = stderr.trimEnd().split('\n')
  const [, how, number] = /^(exit|abandoned) (\d+)$/.exec(lines.pop() ?? '') ?? []
  if (how === undefined) throw new Error(`launch failed (${status ?? signal}): ${stderr}`)
  return { told: lines.map(readLine), stdout, exit: Number(number) }
}

/** Anything but a frame is what the container's process wrote to its stderr. */
function readLine(line: string): unknown {
  return /^(8[1-5][0-9a-f]*)$/.test(line) ? decode(Buffer.from(line, 'hex')) : line
}

const APPLETS = [
  'sh',
  'cat',
  'ls',
  'id',
  'grep',
  'mount',
  'echo',
  'stat',
  'hostname',
  'tty',
  'touch',
  'env',
  'readlink',
]

/** A root file system with busybox and the usual folders. */
export function makeRoot(t: Test): string {
  const root = temporaryFolder(t)
  chmodSync(root, 0o755)
  for (const folder of ['bin', 'proc', 'sys', 'dev', 'tmp', 'etc']) mkdirSync(join(root, folder))
  const busybox = execFileSync('sh', ['-c', 'command -v busybox'], { encoding: 'utf8' }).trim()
  copyFileSync(busybox, join(root, 'bin/busybox'))
  for (const applet of APPLETS) symlinkSync('busybox', join(root, 'bin', applet))
  return root
}

const PROTECTED = BigInt(MOUNT_ATTR.NOSUID | MOUNT_ATTR.NODEV | MOUNT_ATTR.NOEXEC)

/** The root from slot 0, with /proc, /dev and /dev/pts. */
export function furnishedRoot(): Op[] {
  const devpts = ['newinstance', 'ptmxmode=0666', 'mode=0620']
  return [
    op('not_dumpable'),
    op('setsid'),
    op('propagation', { flags: MS.SLAVE | MS.REC }),
    op('root', { slot: 0 }),
    op('mount_fs', { type: 'proc', source: 'proc', path: '/proc', attributes: PROTECTED, resolve: 1 }),
    op('mount_fs', { type: 'tmpfs', source: 'tmpfs', path: '/dev', options: ['mode=755', 'size=65536k'] }),
    op('mount_fs', { type: 'devpts', source: 'devpts', path: '/dev/pts', options: devpts }),
    op('mknod', { path: '/dev/null', mode: 0o020666, major: 1, minor: 3 }),
  ]
}

const ALL_CAPABILITIES = 0xa80425fbn

/** From the identity to execve: root with all capabilities, but for what is asked for. */
export function runProgram(
  args: readonly string[],
  { env = ['PATH=/bin'], capabilities = ALL_CAPABILITIES, uid = 0 } = {},
): Op[] {
  const sets = { effective: capabilities, permitted: capabilities, inheritable: 0n, ambient: 0n }
  return [
    op('bounding_set', { keep: capabilities }),
    op('groups'),
    op('gid', { gid: uid }),
    op('uid', { uid }),
    op('capabilities', sets),
    op('chdir', { path: '/' }),
    op('resolve_exec', { candidates: [args[0] ?? ''] }),
    op('close_from', { first: 3 }),
    op('execve', { args, env }),
  ]
}

/** A shell in the root of slot 0, the ops of `inside` before it. */
export const shell = (script: string, inside: readonly Op[] = []): Op[] => shellWith([], script, inside)

/** The same with more ops among the mounts. */
export function shellWith(mounts: readonly Op[], script: string, inside: readonly Op[] = []): Op[] {
  return [...furnishedRoot(), ...mounts, op('pivot_root'), ...inside, ...runProgram(['/bin/sh', '-c', script])]
}
