import { type Config, HOOK_KINDS, type Hook, type HookKind } from './config.js'
import type { Warn } from './issues.js'
import { pointer } from './json.js'
import type { OciHook, OciHooks } from './oci-config.js'
import { environmentShape } from './process.js'
import * as s from './shape.js'

/** Timers of JavaScript end at 2^31-1 milliseconds; longer ones fire at once. */
const LONGEST_TIMEOUT = 2_147_483

const hooks = s.optional(
  s.list(
    s.object({
      path: s.absolutePath,
      args: s.optional(s.list(s.text)),
      env: s.optional(environmentShape),
      timeout: s.optional(s.integer(1, 2n ** 63n - 1n)),
    }),
  ),
)

export const hooksShape = s.object({
  prestart: hooks,
  createRuntime: hooks,
  createContainer: hooks,
  startContainer: hooks,
  poststart: hooks,
  poststop: hooks,
})

export function normaliseHooks(hooks: OciHooks, warn: Warn): Config['hooks'] {
  const kinds = HOOK_KINDS.map((kind): [HookKind, Hook[]] => [
    kind,
    (hooks[kind] ?? []).map((hook, index) => normaliseHook(hook, pointer('/hooks', kind, index), warn)),
  ])
  return Object.fromEntries(kinds) as Record<HookKind, Hook[]>
}

function normaliseHook({ path, args = [], env = [], timeout }: OciHook, origin: string, warn: Warn): Hook {
  if (timeout !== undefined && timeout > LONGEST_TIMEOUT) {
    warn(`${origin}/timeout`, `cut to ${LONGEST_TIMEOUT} seconds`)
  }
  return {
    path,
    args: args.length === 0 ? [path] : args,
    env,
    timeoutSeconds: timeout === undefined ? null : Math.min(Number(timeout), LONGEST_TIMEOUT),
    origin,
  }
}
