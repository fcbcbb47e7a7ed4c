/** What the running kernel makes of a filter, through the probe in C beside this file. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import type { Seccomp } from '../../../lib/config/seccomp.js'
import { compileFilter } from '../../../lib/seccomp/filter.js'

export interface Kernel {
  /** `returned N`, `errno N`, `trapped` or `signal N`. */
  call(seccomp: Seccomp, number: number, ...args: readonly bigint[]): string
  exec(seccomp: Seccomp, ...command: readonly string[]): { status: number | null; stdout: string; stderr: string }
}

/** Compiles the probe; removed with all it needs when the test ends. */
export function kernel(t: Test): Kernel {
  const directory = mkdtempSync(join(tmpdir(), 'tsrun-seccomp-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const probe = join(directory, 'probe')
  const source = fileURLToPath(new URL('./probe.c', import.meta.url))
  const built = spawnSync(process.env.CC ?? 'cc', ['-O1', '-o', probe, source], { encoding: 'utf8' })
  if (built.status !== 0) throw new Error(`the probe can't be compiled: ${built.stderr}`)

  const start = (seccomp: Seccomp, ...args: readonly string[]) => {
    const { program, flags } = compileFilter({ seccomp, cacheDirectory: null })
    const file = join(directory, 'program')
    writeFileSync(file, program)
    return spawnSync(probe, [file, String(flags), ...args], { encoding: 'utf8' })
  }
  return {
    call(seccomp, number, ...args) {
      const { status, stdout, stderr } = start(seccomp, 'call', String(number), ...args.map(String))
      if (status !== 0) throw new Error(stderr)
      return stdout.trim()
    },
    exec: (seccomp, ...command) => start(seccomp, 'exec', ...command),
  }
}
