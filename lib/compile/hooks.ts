import type { HostFacts } from '../host/facts.js'
import type { Plan } from '../plan/plan.js'
import type { Config, Hook } from '../spec/config.js'
import { grantable } from './capabilities.js'
import { newDraft, type Work } from './draft.js'
import { lastFilter, runProgram } from './exec.js'
import { assumeIdentity, becomeUser, type Identity } from './identity.js'
import { joinContainer } from './join.js'
import { type CompileOptions, withDefaults } from './options.js'
import { ownerOf } from './privilege.js'

export interface HookInput {
  readonly kind: 'createContainer' | 'startContainer'
  readonly config: Config
  readonly facts: HostFacts
  readonly hook: Hook
  readonly options: CompileOptions
}

/**
 * The plan of a hook in the container: a second helper that joins it while its init waits. Its path is looked up in the root that
 * init has at that time. Before the switch that is the host's, and the hook is the caller's own program, which is given all that
 * there is to give. After it the path is the image's, and whatever is there is as confined as the container's own process.
 * The environment is exactly the hook's. The first kind begins in the root's directory on the host, the second one where the process does.
 */
export function compileHook({ kind, config, facts, hook, options }: HookInput): Plan {
  const isImages = kind === 'startContainer'
  const work = {
    config,
    facts,
    options: withDefaults({ ...options, noNewKeyring: true }),
    draft: newDraft(),
  }
  const { draft } = work
  joinContainer(work)
  if (isImages) assumeIdentity(work)
  else becomeUser(draft, containerRoot(work, hook))
  draft.op('resolve_exec', { candidates: [hook.path] }, `${hook.origin}/path`)
  runProgram(work, hook, { origin: hook.origin, filter: isImages ? lastFilter(config) : null })
  return draft.plan({ cloneFlags: 0, preserveFds: 0 })
}

function containerRoot(work: Work, hook: Hook): Identity {
  const all = grantable(work)
  return {
    user: { ...ownerOf(work.config), umask: null, additionalGids: [] },
    sets: { bounding: all, effective: all, permitted: all, inheritable: 0n, ambient: 0n },
    cwd: work.options.rootfs,
    // Where the root of the container's user namespace may not go it begins in "/".
    isCwdOptional: true,
    noNewPrivileges: false,
    filter: null,
    origin: () => hook.origin,
  }
}
