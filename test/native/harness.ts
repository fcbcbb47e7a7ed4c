/** The helper's plan reader (native/init) as a program of the host. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import type { Test } from 'tap'
import { temporaryFolder } from './launch.js'

export const READER = ['plan', 'verify', 'values', 'cbor'].map(name => `native/init/${name}.c`)
const SANITIZERS = ['-g', '-O1', '-fsanitize=address,undefined', '-fno-sanitize-recover=all']

/** "ok", or the index of the op that was refused and why. */
export type Verdict = string

/** Builds the plan reader as a program of the host, under ASan and UBSan. */
export function buildHarness(t: Test): {
  readonly verdicts: (plans: readonly Buffer[]) => Verdict[]
  readonly program: string
} {
  const program = join(temporaryFolder(t), 'harness')
  const sources = [...READER, 'test/native/plan_harness.c']
  const warnings = ['-Wall', '-Wextra', '-Werror', '-Wswitch-enum', '-Wshadow']
  execFileSync(process.env.CC ?? 'cc', [...SANITIZERS, ...warnings, '-o', program, ...sources])
  const verdicts = (plans: readonly Buffer[]) =>
    execFileSync(program, ['cases'], { input: framed(plans), encoding: 'utf8' })
      .trimEnd()
      .split('\n')
  return { program, verdicts }
}

export function framed(plans: readonly Buffer[]): Buffer {
  return Buffer.concat(plans.flatMap(plan => [Buffer.from(Uint32Array.of(plan.length).buffer), plan]))
}
