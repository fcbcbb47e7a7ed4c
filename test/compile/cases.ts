/** The cases under spec-fixtures/plans: a configuration, the facts of a made-up host, and the plan that must come of them. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { type CompileInput, type CompileOptions, compile } from '../../lib/compile/index.js'
import type { OciConfig } from '../../lib/config/oci-config.js'
import { readConfig } from '../../lib/config/read.js'
import type { HostFacts } from '../../lib/host/facts.js'
import type { OpArgs, OpName } from '../../lib/plan/ops.js'
import type { Plan } from '../../lib/plan/plan.js'

export const CASES = new URL('../../spec-fixtures/plans/', import.meta.url)
export const CASE_NAMES = readdirSync(CASES).sort()

/** The options of all cases; a case's own come from its options.json, where it has one. */
export const OPTIONS: CompileOptions = { id: 'c1', bundle: '/bundle', rootfs: '/bundle/rootfs' }

export function readCase(name: string): CompileInput {
  const own = existsSync(fileOf(name, 'options.json')) ? (parse(name, 'options.json') as Partial<CompileOptions>) : {}
  const { config } = readConfig(readFileSync(fileOf(name, 'config.json'), 'utf8'))
  return { config, facts: readFacts(name), options: { ...OPTIONS, ...own } }
}

/** The configuration of a case, as it is written, for a test that changes it. */
export function documentOf(name: string): OciConfig {
  return parse(name, 'config.json') as OciConfig
}

/** Capability sets are written as hexadecimal texts, JSON has no integers of 64 bits. */
export function readFacts(name: string): HostFacts {
  const facts = parse(name, 'facts.json') as Omit<HostFacts, 'permitted' | 'bounding' | 'kcore'> &
    Record<'permitted' | 'bounding', string>
  return {
    kcore: true,
    ...facts,
    landlock: facts.landlock ?? 0,
    openFiles: facts.openFiles ?? null,
    permitted: BigInt(facts.permitted),
    bounding: BigInt(facts.bounding),
  }
}

function parse(name: string, file: string): unknown {
  return JSON.parse(readFileSync(fileOf(name, file), 'utf8'))
}

export function fileOf(name: string, file: string): URL {
  return new URL(`${name}/${file}`, CASES)
}

/** Compiles a case with another configuration or other facts. */
export function compileCase(
  name: string,
  {
    document,
    facts,
    options,
  }: { document?: OciConfig; facts?: Partial<HostFacts>; options?: Partial<CompileOptions> } = {},
): { plan: Plan; warnings: readonly string[] } {
  const input = readCase(name)
  return compile({
    config: document === undefined ? input.config : readConfig(document).config,
    facts: { ...input.facts, ...facts },
    options: { ...input.options, ...options },
  })
}

/** The arguments of all ops of that name. */
export function argsOf<N extends OpName>({ ops }: Plan, name: N): OpArgs<N>[] {
  return ops.filter(({ op }) => op === name).map(({ args }) => args as OpArgs<N>)
}

/** The names of a plan's ops, in order. */
export function namesOf({ ops }: Plan): OpName[] {
  return ops.map(({ op }) => op)
}
