/** The built command, as a shell would run it. */
import { spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { TestBundle } from './bundle.js'

/** Which form of the command the tests are about: `node`, or `standalone`, which `npm run build:standalone` makes. */
export const FORM = process.env.TSRUN_FORM === 'standalone' ? 'standalone' : 'node'
/** Where a checkout has them. */
export const FORMS = { node: 'dist/cli/tsrun.cjs', standalone: 'native/build/standalone/tsrun' } as const
export const TSRUN = resolve(FORMS[FORM])
/** The program that runs it: the executable needs none, and gets one that puts it in its place. */
export const RUNNER = FORM === 'standalone' ? '/usr/bin/env' : process.execPath

/** The line of `--version` that says what runs it. */
export const ENGINE_LINE = FORM === 'standalone' ? /^quickjs-ng: \d+\.\d+\.\d+$/m : /^node: v[0-9.]+$/m

export interface Outcome {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Surroundings {
  readonly cwd?: string
  readonly input?: string
  readonly env?: Readonly<Record<string, string>>
  /** Descriptors from 3 on. */
  readonly fds?: readonly number[]
}

/**
 * Runs `file` to its end; a minute is more than anything here may take. Output goes to files, since a container that lives on
 * would hold a pipe open.
 */
export function execute(file: string, args: readonly string[], surroundings: Surroundings = {}): Outcome {
  const { cwd, input = '', env = {}, fds = [] } = surroundings
  const folder = mkdtempSync(join(tmpdir(), 'tsrun-output-'))
  const outputs = ['stdout', 'stderr'].map(name => openSync(join(folder, name), 'w+'))
  try {
    const { status, error } = spawnSync(file, args, {
      ...(cwd !== undefined && { cwd }),
      env: { PATH: process.env.PATH ?? '', ...env },
      stdio: ['pipe', ...outputs, ...fds],
      input,
      timeout: 60_000,
    })
    if (error !== undefined) throw error
    const [stdout = '', stderr = ''] = ['stdout', 'stderr'].map(name => readFileSync(join(folder, name), 'utf8'))
    return { status, stdout, stderr }
  } finally {
    for (const fd of outputs) closeSync(fd)
    rmSync(folder, { recursive: true })
  }
}

export const tsrun = (args: readonly string[], surroundings?: Surroundings): Outcome =>
  execute(RUNNER, [TSRUN, ...args], surroundings)

/** The command on the bundle's state directory, in the bundle. */
export function commandOn({ runtime, bundle }: TestBundle) {
  return (args: readonly string[], surroundings: Surroundings = {}): Outcome =>
    tsrun(['--root', runtime.root, ...args], { cwd: bundle, ...surroundings })
}
