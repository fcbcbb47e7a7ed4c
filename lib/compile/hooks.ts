import type { HostFacts } from '../host/facts.js'
import type { Plan } from '../plan/plan.js'
import type { Config, Hook } from '../spec/config.js'
import { grantable } from './capabilities.js'
import { newDraft, type Work } from './draft.js'
import { execute } from './exec.js'
import { becomeUser, type Identity } from './identity.js'
import { joinContainer } from './join.js'
import { type CompileOptions, withDefaults } from './options.js'
import { ownerOf } from './privilege.js'

export interface HookInput {
  readonly config: Config
  readonly facts: HostFacts
  readonly hook: Hook
  readonly options: CompileOptions
}

/**
 * The plan of a createContainer or startContainer hook: a second helper that joins the container while its init waits, and
 * executes the hook there as root. Its path is looked up in the root that init has at that time: before the switch that
 * is the host's, after it the container's. The environment is exactly the hook's.
 */
export function compileHook({ config, facts, hook, options }: HookInput): Plan {
  const work = { config, facts, options: withDefaults(options), draft: newDraft() }
  const { draft } = work
  joinContainer(work)
  becomeUser(draft, containerRoot(work, hook))
  draft.op('resolve_exec', { candidates: [hook.path] }, `${hook.origin}/path`)
  draft.op('close_from', { first: 3 })
  execute(draft, hook, hook.origin)
  return draft.plan({ cloneFlags: 0, preserveFds: 0 })
}

/** A hook is the caller's own program: it is given all that there is to give. */
function containerRoot(work: Work, hook: Hook): Identity {
  const all = grantable(work)
  return {
    user: { ...ownerOf(work.config), umask: null, additionalGids: [] },
    sets: { bounding: all, effective: all, permitted: all, inheritable: 0n, ambient: 0n },
    cwd: '/',
    noNewPrivileges: false,
    filter: null,
    origin: () => hook.origin,
  }
}
