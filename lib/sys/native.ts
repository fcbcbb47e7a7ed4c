/** The shared library `native/sys`, function by function; each returns a result >= 0 or -errno. */
import { HostError } from '../errors.js'
import { ABI } from './abi.js'
import { load, type NativeFunction, type Signature } from './ffi.js'
import { nativePart } from './native-part.js'

export const TABLE = {
  ts_abi: ['int', []],
  ts_open_beneath: ['int', ['int', 'string', 'int']],
  ts_open_above: ['int', ['int']],
  ts_list_directories: ['int', ['int', 'pointer', 'int']],
  ts_read_beneath: ['int', ['int', 'string', 'pointer', 'int']],
  ts_write_beneath: ['int', ['int', 'string', 'pointer', 'int']],
  ts_write_lines_beneath: ['int', ['int', 'string', 'pointer', 'int', 'pointer']],
  ts_mkdir_beneath: ['int', ['int', 'string', 'int']],
  ts_rmdir_beneath: ['int', ['int', 'string']],
  ts_chown_beneath: ['int', ['int', 'string', 'int', 'int']],
  ts_open_tree_directory: ['int', ['int', 'pointer']],
  ts_open_in_root: ['int', ['int', 'string', 'int', 'int']],
  ts_xattr: ['int', ['int', 'string', 'pointer', 'int']],
  ts_sealed_memfd: ['int', ['string', 'pointer', 'int', 'int']],
  ts_close: ['int', ['int']],
  ts_close_all: ['int', ['pointer', 'int']],
  ts_offer: ['int', ['int']],
  ts_given: ['int', ['int']],
  ts_helper: ['int', []],
  ts_keep_helper: ['int', ['int']],
  ts_job_begin: ['int', ['int', 'int', 'int', 'string', 'pointer']],
  ts_overlay_begin: ['int', ['pointer', 'int', 'int', 'pointer']],
  ts_write_begin: ['int', ['int', 'string', 'pointer']],
  ts_job_end: ['int', ['size_t', 'pointer']],
  ts_job_give_up: ['int', ['size_t']],
  ts_lock: ['int', ['int']],
  ts_open: ['int', ['string', 'int']],
  ts_open_local: ['int', ['string']],
  ts_open_cached: ['int', ['string', 'int']],
  ts_open_tree: ['int', ['string', 'int', 'int']],
  ts_open_tree_at: ['int', ['int', 'int']],
  ts_cover: ['int', ['int', 'int']],
  ts_uncover: ['int', ['string']],
  ts_mount_id: ['int', ['int', 'int', 'pointer']],
  ts_namespace_type: ['int', ['int']],
  ts_landlock: ['int', []],
  ts_user_namespace: ['int', ['string', 'string']],
  ts_idmap: ['int', ['int', 'int', 'int']],
  ts_new_mount: ['int', ['string', 'pointer', 'int', 'pointer', 'int']],
  ts_socketpair: ['int', ['pointer']],
  ts_packet_pair: ['int', ['pointer']],
  ts_listen: ['int', ['string']],
  ts_connect: ['int', ['int']],
  ts_listen_datagram: ['int', ['string']],
  ts_receive: ['int', ['int', 'pointer', 'int']],
  ts_peek: ['int', ['int', 'pointer', 'int', 'int']],
  ts_send_datagram: ['int', ['string', 'pointer', 'int', 'int']],
  ts_send_fd: ['int', ['int', 'int', 'pointer', 'int']],
  ts_send_fds: ['int', ['int', 'pointer', 'int', 'int']],
  ts_receive_message: ['int', ['int', 'pointer', 'int', 'pointer']],
  ts_receive_fd: ['int', ['int']],
  ts_receive_fds: ['int', ['int', 'pointer', 'int']],
  ts_send: ['int', ['int', 'pointer', 'int']],
  ts_refusals_hear: ['int', ['int']],
  ts_inet_bind: ['int', ['int', 'string', 'int', 'int']],
  ts_inet_connect: ['int', ['int', 'string', 'int']],
  ts_inet_error: ['int', ['int']],
  ts_inet_listen: ['int', ['string', 'int', 'int']],
  ts_inet_port: ['int', ['int']],
  ts_relay_start: ['int', ['pointer', 'pointer']],
  ts_relay_end: ['int', ['size_t']],
  ts_relay_news: ['int', ['size_t', 'pointer']],
  ts_relay_serve: ['int', ['size_t', 'int', 'uint32', 'uint32', 'uint32', 'pointer']],
  ts_relay_connect: ['int', ['size_t', 'size_t', 'string', 'int']],
  ts_relay_join: ['int', ['size_t', 'size_t', 'int']],
  ts_relay_reset: ['int', ['size_t', 'size_t']],
  ts_relay_free: ['int', ['size_t', 'size_t']],
  ts_relay_counts: ['int', ['size_t', 'pointer']],
  ts_boot_ticks: ['size_t', []],
  ts_pidfd_open: ['int', ['int']],
  ts_pidfd_getfd: ['int', ['int', 'int']],
  ts_pidfd_signal: ['int', ['int', 'int']],
  ts_hold_at_exec: ['int', ['int']],
  ts_end_at_once: ['int', ['int']],
  ts_reap: ['int', ['int', 'int', 'pointer']],
  ts_exit_status: ['int', ['int', 'pointer']],
  ts_sched_setattr: ['int', ['int', 'pointer']],
  ts_ioprio_set: ['int', ['int', 'int']],
  ts_sched_setaffinity: ['int', ['int', 'pointer', 'int']],
  ts_netlink_open: ['int', ['int']],
  ts_netlink_prepare: ['int', ['int']],
  ts_netlink_request: ['int', ['int', 'pointer', 'int', 'pointer', 'int']],
  ts_prlimit: ['int', ['int', 'int', 'pointer']],
  ts_kill: ['int', ['int', 'int']],
  ts_watch_end: ['int', ['size_t']],
  ts_watch_add: ['int', ['size_t', 'int', 'uint32', 'uint32', 'int']],
  ts_watch_remove: ['int', ['size_t', 'int', 'int']],
  ts_watch_hold: ['int', ['size_t', 'int']],
  ts_witness_start: ['int', ['pointer']],
  ts_witness_add: ['int', ['int', 'int', 'uint32', 'uint32', 'int']],
  ts_witness_remove: ['int', ['int', 'int']],
  ts_eventfd: ['int', []],
  ts_pipe: ['int', ['pointer']],
  ts_duplicate: ['int', ['int']],
  ts_lifeline: ['int', []],
  ts_unread: ['int', ['int']],
  ts_resize: ['int', ['int', 'int', 'int']],
  ts_terminal_raw: ['int', ['int', 'int', 'pointer']],
  ts_terminal_restore: ['int', ['int', 'pointer']],
  ts_seccomp_version: ['int', ['pointer', 'int']],
  ts_seccomp_resolve: ['int', ['uint32', 'pointer', 'int', 'pointer']],
  ts_seccomp_add_rules: ['int', ['size_t', 'pointer', 'int', 'pointer']],
  ts_seccomp_export: ['int', ['size_t', 'pointer', 'int']],
  ts_seccomp_library: ['int', ['pointer', 'int']],
  ts_device_filter_load: ['int', ['pointer', 'int']],
  ts_device_filter_attach: ['int', ['int', 'int', 'int']],
  ts_device_filter_detach: ['int', ['int', 'int']],
  ts_device_filter_list: ['int', ['int', 'pointer', 'int']],
  ts_bpf_program: ['int', ['uint32']],
  ts_spawn: ['int', ['int', 'string', 'string', 'pointer', 'int', 'int', 'pointer', 'int', 'pointer']],
} as const satisfies Record<string, Signature>

type Native = { readonly [K in keyof typeof TABLE]: NativeFunction }

let bound: Native | null = null
let boundPath = ''

/** @throws {HostError} ERR_HOST_INSTALL if the library has not been compiled, or not from the sources that belong to this */
export function native(): Native {
  if (bound === null) {
    boundPath = nativePart('libtsrun.so')
    bound = openNative(boundPath)
  }
  return bound
}

/** Of the library that `native` calls, also if another one would be found by now. @throws as `native` */
export function nativePath(): string {
  native()
  return boundPath
}

/** A function with other arguments than we pass would bring down the process: the library is asked first whether it is ours. */
export function openNative(path: string): Native {
  const functions = load(path, TABLE)
  const found = abiOf(functions)
  if (found === ABI) return functions
  throw new HostError('ERR_HOST_INSTALL', {
    needs: `the native library of this version of tsrun (${ABI})`,
    found: `another one (${found ?? 'without a number'}), ${path}`,
    remedy: 'it was compiled from other sources: run `npm rebuild tsrun` (in a clone `npm run build`)',
  })
}

function abiOf({ ts_abi }: Native): number | null {
  try {
    return ts_abi()
  } catch (error) {
    // dlsym found nothing: from before there was a number.
    if (error instanceof Error && error.message.startsWith('dlsym:')) return null
    throw error
  }
}
