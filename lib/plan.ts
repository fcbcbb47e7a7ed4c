/** The dry run: what a create would do. */
import { compile } from './compile/index.js'
import { refuseUnknown } from './config/unknown.js'
import type { Context } from './launch/context.js'
import { type BundleInput, openBundle } from './operations/bundle.js'
import { compileOptions } from './operations/compile-options.js'
import { ownCgroup } from './operations/own-cgroup.js'
import { planToJson, printPlan } from './plan/print.js'

export interface PlanOptions {
  /** Show the values of environment variables. Default false: they may be secrets. */
  readonly showEnv?: boolean
}

/** What `create` of a bundle would do, step by step. */
export interface PlanPreview {
  /** One op per line, with phases and the config field that each came from. */
  toString(): string
  /** The same as plain data. */
  toJSON(): object
  readonly warnings: readonly string[]
}

/** @throws {ConfigError|HostError} as `create` would */
export async function preview(
  context: Context,
  input: BundleInput,
  options: Required<PlanOptions>,
): Promise<PlanPreview> {
  const bundle = await openBundle(input, () => `${context.store.directory('ID')}/root`)
  if (!context.ignoresUnknown) refuseUnknown(bundle.unknown)
  const { plan, warnings } = compile({
    config: bundle.config,
    facts: context.facts(),
    options: compileOptions({ ...input, id: 'ID' }, bundle, ownCgroup(context, { id: 'ID', config: bundle.config })),
  })
  return {
    toString: () => printPlan(plan, options),
    toJSON: () => planToJson(plan, options),
    warnings: [...bundle.warnings, ...warnings],
  }
}
