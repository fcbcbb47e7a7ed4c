/** A root that is made of layers: an overlay with a directory, or memory, for what is written. */
import type { Config } from '../config/config.js'
import { makeIssue } from '../config/issues.js'
import { ConfigError, HostError } from '../errors.js'
import type { LayeredTree } from '../plan/plan.js'
import { idmapOf } from './bind-mounts.js'
import type { Work } from './draft.js'
import { hasNamespace } from './namespaces.js'
import { isRootless } from './privilege.js'

const ORIGIN = '/root'

/** Before Linux 6.7 the layers are one option of 255 bytes, in which each has a hexadecimal number. */
const MOST_IN_A_LIST = 90
/** OVL_MAX_STACK of the kernel. */
const MOST_LAYERS = 500

/**
 * @throws ConfigError without a mount namespace, and for more layers than the kernel takes
 * @throws HostError ERR_HOST_KERNEL if the kernel can't do it without privileges
 */
export function mountLayers(work: Work, tree: LayeredTree): void {
  const { config, facts } = work
  if (!hasNamespace(config, 'mount')) throw needsMountNamespace(config)
  const asList = isBefore(facts.kernel, [6, 7])
  demandFewEnough(tree, asList)
  if (isRootless(facts)) mountInside(work, tree, asList)
  else mountMade(work, tree, asList)
}

/** What helps if there can be no overlay. It is never done unasked: see docs/images.md. */
export const A_COPY =
  'give it a copy of the image as its root (copyTo of the unpacked image, --copy of tsrun run --image)'

/** The runtime makes it. */
function mountMade(work: Work, tree: LayeredTree, asList: boolean): void {
  const { config, facts, draft } = work
  const idmap = hasNamespace(config, 'user') ? idmapOf(work, { ...OF_THE_CONTAINER, origin: ORIGIN }) : null
  const userXattr = facts.inUserNamespace
  if (userXattr) demandUserXattr(work, tree)
  const slot = draft.slot({ kind: 'layered', ...tree, idmap, userXattr, asList, origin: ORIGIN })
  draft.op('root', { slot }, ORIGIN)
}

/** As in the container's user namespace, of which it may have none of its own. */
const OF_THE_CONTAINER = { idmap: { recursive: false, uidMappings: [], gidMappings: [] } }

/** The helper makes it, in the user namespace. */
function mountInside(work: Work, tree: LayeredTree, asList: boolean): void {
  const { draft } = work
  const list = asList ? 1 : 0
  demandUserXattr(work, tree)
  for (const path of tree.layers) {
    draft.op('layer', { slot: draft.slot({ kind: 'directory', path, origin: ORIGIN }), source: path }, ORIGIN)
  }
  if ('memory' in tree.upper) {
    const options = memoryOptions(tree.upper.memory)
    draft.op('root_in_memory', { slot: draft.slot({ kind: 'upper', origin: ORIGIN }), options, list }, ORIGIN)
    return
  }
  const { directory: source } = tree.upper
  draft.op(
    'root_layered',
    { slot: draft.slot({ kind: 'directory', path: source, origin: ORIGIN }), source, list },
    ORIGIN,
  )
}

/** Of the tmpfs that takes what is written. */
export const memoryOptions = (size: number | null): string[] =>
  size === null ? ['mode=0755'] : ['mode=0755', `size=${size}`]

const isBefore = ([major, minor]: readonly [number, number], [a, b]: readonly [number, number]): boolean =>
  major < a || (major === a && minor < b)

function demandUserXattr({ facts: { kernel } }: Work, { upper }: LayeredTree): void {
  const inMemory = 'memory' in upper
  if (!isBefore(kernel, inMemory ? [6, 6] : [5, 11])) return
  throw new HostError('ERR_HOST_KERNEL', {
    needs: `Linux ${inMemory ? '6.6' : '5.11'} for a layered root without root${inMemory ? ', written to memory' : ''}`,
    found: kernel.join('.'),
    remedy: `${inMemory ? 'name a directory as its upper' : 'run as root'}, or ${A_COPY}`,
  })
}

function demandFewEnough({ layers }: LayeredTree, asList: boolean): void {
  const most = asList ? MOST_IN_A_LIST : MOST_LAYERS
  if (layers.length <= most) return
  const expected = `at most ${most} layers${asList ? ' before Linux 6.7' : ''}`
  throw new ConfigError('ERR_CONFIG_UNSUPPORTED', [makeIssue({ path: ORIGIN, expected, received: layers.length })])
}

function needsMountNamespace({ linux }: Config): ConfigError {
  const expected = 'with a mount namespace, if the root has layers'
  const received = linux.namespaces.map(({ type }) => type)
  return new ConfigError('ERR_CONFIG_INVALID', [makeIssue({ path: '/linux/namespaces', expected, received })])
}
