/** What containers of the same configuration share: it is read and checked once, and compiled once for each way in which it is used. */
import { type CompileInput, compile, withKeyringOf } from '../compile/index.js'
import type { Config } from '../config/config.js'
import { refuseUnknown } from '../config/unknown.js'
import type { HostFacts } from '../host/facts.js'
import type { Context } from '../launch/context.js'
import { type Bundle, type BundleInput, type ReadBundle, readBundle } from './bundle.js'

type Compiled = ReturnType<typeof compile>

interface Known {
  readonly facts: HostFacts
  /** By all that a plan depends on, but for the configuration, the host and the id. */
  readonly plans: Map<string, Compiled>
}

const known = new WeakMap<Config, Known>()
const MOST_PLANS = 8

/** @throws {ConfigError} as `readBundle`, and for unknown properties that matter for safety */
export async function readBlueprint(context: Context, input: BundleInput, signal?: AbortSignal): Promise<ReadBundle> {
  const read = await readBundle(input, signal)
  if (!context.ignoresUnknown) refuseUnknown(read.unknown)
  return read
}

/**
 * As `compile`, of what `found` has become for one container, by more mounts or variables or in another cgroup, which plans do not
 * depend on. A root of layers has a place of each container's own.
 */
export function compileOnce(found: Bundle, input: CompileInput): Compiled {
  const { config, facts, options } = input
  const isSame = config.mounts === found.config.mounts && config.process === found.config.process
  if (found.layered !== null || !isSame) return compile(input)
  const plans = plansOf(found.config, facts)
  const key = JSON.stringify({ ...options, id: '' })
  const made = plans.get(key)
  if (made !== undefined) return { ...made, plan: withKeyringOf(made.plan, options.id) }
  const compiled = compile(input)
  if (plans.size === MOST_PLANS) plans.clear()
  plans.set(key, compiled)
  return compiled
}

function plansOf(config: Config, facts: HostFacts): Known['plans'] {
  const found = known.get(config)
  if (found?.facts === facts) return found.plans
  const plans: Known['plans'] = new Map()
  known.set(config, { facts, plans })
  return plans
}
