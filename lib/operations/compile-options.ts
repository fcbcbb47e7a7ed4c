/** What of a call of create the compiler has to know. */
import type { Cgroup } from '../cgroup/index.js'
import type { CompileOptions } from '../compile/index.js'
import type { Bundle } from './bundle.js'

interface Given {
  readonly id: string
  readonly noPivot?: boolean
  readonly noNewKeyring?: boolean
  readonly extraFds?: readonly number[]
  readonly lineFeedsOnly?: boolean
  readonly init?: boolean
  readonly dieWithParent?: boolean
}

export function compileOptions(options: Given, bundle: Bundle, cgroup: Cgroup): CompileOptions {
  const { id, noPivot, noNewKeyring, extraFds, lineFeedsOnly } = options
  return {
    ...{ id, rootfs: bundle.rootfs, bundle: bundle.base, layered: bundle.layered },
    noPivot: noPivot ?? false,
    noNewKeyring: noNewKeyring ?? false,
    preserveFds: extraFds?.length ?? 0,
    hasCgroup: !cgroup.isNone,
    lineFeedsOnly: lineFeedsOnly ?? false,
    reaps: options.init === true || options.dieWithParent === true,
    hasLifeline: options.dieWithParent === true,
  }
}
