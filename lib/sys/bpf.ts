/** Device filters of cgroup v2. A cgroup is given by a descriptor of its directory. Needs CAP_SYS_ADMIN (or CAP_BPF and CAP_NET_ADMIN). */
import { closeFd } from './beneath.js'
import { check } from './errno.js'
import { native } from './native.js'

const INSTRUCTION_BYTES = 8
/** The kernel's own limit for one kind of program in one cgroup. */
const MOST_PROGRAMS = 64

/** The descriptor of the loaded program; to be closed with `closeFd`. */
export function loadDeviceFilter(instructions: Uint8Array): number {
  return check(
    native().ts_device_filter_load(instructions, instructions.length / INSTRUCTION_BYTES),
    'bpf',
    'PROG_LOAD',
  )
}

/**
 * Makes `program` the only device filter of the cgroup; a single one that was there is replaced at once, so that there is
 * no moment without.
 */
export function attachDeviceFilter(cgroup: number, program: number): void {
  const old = openAttached(cgroup)
  try {
    const replaced = old.length === 1 ? (old[0] ?? -1) : -1
    check(native().ts_device_filter_attach(cgroup, program, replaced), 'bpf', 'PROG_ATTACH')
    // All of several filters must agree, so the old ones may go after the new one has come.
    if (replaced === -1) for (const fd of old) check(native().ts_device_filter_detach(cgroup, fd), 'bpf', 'PROG_DETACH')
  } finally {
    old.forEach(closeFd)
  }
}

function openAttached(cgroup: number): number[] {
  return deviceFilters(cgroup).map(id => check(native().ts_bpf_program(id), 'bpf', 'PROG_GET_FD_BY_ID'))
}

/** The kernel's ids of the device filters that are attached to the cgroup itself. */
export function deviceFilters(cgroup: number): number[] {
  const ids = Buffer.alloc(4 * MOST_PROGRAMS)
  const count = check(native().ts_device_filter_list(cgroup, ids, MOST_PROGRAMS), 'bpf', 'PROG_QUERY')
  return Array.from({ length: count }, (_, index) => ids.readUInt32LE(4 * index))
}
