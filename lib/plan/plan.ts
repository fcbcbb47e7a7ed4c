import type { Op, OpArgs, OpName } from './ops.js'

/** MOUNT_ATTR_* that the plan takes away: the host's mount must not have them. */
export interface Cleared {
  /** From the mount itself. */
  readonly mount: number
  /** From the whole tree. */
  readonly tree: number
  /** The access times that the mount gets, which must be those that it has; null: they stay. */
  readonly times: number | null
}

export interface IdRange {
  readonly containerID: number
  readonly hostID: number
  readonly size: number
}

/** How a mount maps the ids of its file system: as a user namespace does, one of that path or one that is made of these mappings. */
export interface Idmap {
  /** The whole tree. */
  readonly recursive: boolean
  readonly by: { readonly uid: readonly IdRange[]; readonly gid: readonly IdRange[] } | { readonly namespace: string }
  readonly origin: string
}

/** A root that is an overlay. */
export interface LayeredTree {
  /** Absolute paths, the lowest first. */
  readonly layers: readonly string[]
  /** Where what is written goes: `upper` in that directory, or memory with a limit in bytes (null: half of the machine's). */
  readonly upper: { readonly directory: string } | { readonly memory: number | null }
}

export interface LayeredSlot extends LayeredTree {
  readonly kind: 'layered'
  /** How the ids of the layers are mapped; null: not at all. */
  readonly idmap: Idmap | null
  /** The overlay keeps what it has to know in `user.overlay.*`: it is made in a user namespace. */
  readonly userXattr: boolean
  /** All layers in one option (before Linux 6.7). */
  readonly asList: boolean
  readonly origin: string
}

/**
 * A host object that the runtime opens and the helper inherits as a descriptor.
 * `origin` is the JSON pointer of the config field that names it.
 */
export type Slot =
  /** open_tree(OPEN_TREE_CLONE): a detached copy of what is mounted at `path` on the host. */
  | {
      readonly kind: 'tree'
      readonly path: string
      readonly recursive: boolean
      readonly nofollow: boolean
      /** Only if the container has a user namespace, which must not lift what its mounts forbid. */
      readonly cleared?: Cleared
      readonly origin: string
    }
  /** As a tree, with its ids mapped. */
  | {
      readonly kind: 'idmapped_tree'
      readonly path: string
      readonly recursive: boolean
      readonly idmap: Idmap
      readonly cleared?: Cleared
      readonly origin: string
    }
  /** A new file system, attached nowhere, with its ids mapped: it belongs to the host's user namespace, not to the container's. */
  | {
      readonly kind: 'idmapped_filesystem'
      readonly type: string
      readonly source: string
      readonly options: readonly string[]
      readonly idmap: Idmap
      readonly origin: string
    }
  /** As a tree, of a single node that must be this device. */
  | {
      readonly kind: 'device'
      readonly path: string
      readonly type: 'b' | 'c'
      readonly major: number
      readonly minor: number
      readonly origin: string
    }
  /** What is at `path`, O_PATH: it is copied by the helper, which may. As for trees, with what is true of the device of that kind. */
  | {
      readonly kind: 'place'
      readonly path: string
      readonly recursive: boolean
      readonly cleared?: Cleared
      readonly device?: { readonly type: 'b' | 'c'; readonly major: number; readonly minor: number }
      readonly origin: string
    }
  /** A copy of the root that is attached over it, where there is no mount namespace but mounts. */
  | { readonly kind: 'root_mount'; readonly origin: string }
  /** An overlay, attached nowhere. */
  | LayeredSlot
  /** The socket that takes what is written to a root in memory. */
  | { readonly kind: 'upper'; readonly origin: string }
  /** The directory at `path`, O_PATH. */
  | { readonly kind: 'directory'; readonly path: string; readonly origin: string }
  /** A namespace file, checked to be of `type` (a CLONE_NEW* flag). */
  | { readonly kind: 'namespace'; readonly path: string; readonly type: number; readonly origin: string }
  /** The file that a process of the container's cgroup is joined by, in the hierarchy of that index (HostFacts.cgroup.hierarchies). */
  | { readonly kind: 'cgroup'; readonly hierarchy: number; readonly origin: string }
  /** The container's own cgroup directory as a detached tree, for `type: cgroup` mounts without a cgroup namespace. */
  | { readonly kind: 'cgroup_tree'; readonly hierarchy: number; readonly origin: string }
  /** The compiled seccomp filter. */
  | { readonly kind: 'filter'; readonly origin: string }
  /** The listening socket that `start` connects to. */
  | { readonly kind: 'start'; readonly origin: string }
  /** The file that keeps how the program ended. */
  | { readonly kind: 'status'; readonly origin: string }
  /** The pipe whose other end this process holds as long as it lives. */
  | { readonly kind: 'lifeline'; readonly origin: string }
  /** The socket that takes what is made in the network namespace. */
  | { readonly kind: 'sockets'; readonly origin: string }
  /** The socket that takes the terminal's master. */
  | { readonly kind: 'console'; readonly origin: string }
  /** A pidfd of the container's init, for exec and hooks. */
  | { readonly kind: 'init'; readonly origin: string }
  /** /proc/PID/root of the container's init, O_PATH, for exec and hooks. */
  | { readonly kind: 'init_root'; readonly origin: string }

export interface Plan {
  /** CLONE_NEW* flags of the first clone; what it does not make is joined or unshared by ops. */
  readonly cloneFlags: number
  /** How many descriptors from 3 on belong to the container's process; the helper's own come after them. */
  readonly preserveFds: number
  readonly ops: readonly Op[]
  readonly slots: readonly Slot[]
}

/** Makes an op; the compiler checks that the arguments are those of the table. */
export function makeOp<N extends OpName>(op: N, args: OpArgs<N>, origin = ''): Op {
  return { op, args, origin } as unknown as Op
}
