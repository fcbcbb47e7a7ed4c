/**
 * The part of CRIU's protocol that we use, with its numbers (https://criu.org/RPC). A request is one message, and so are each
 * notification, its answer, and the response.
 */
import { decodeProtobuf, encodeProtobuf, type MessageOf, type Schema } from './protobuf.js'

export const REQUEST_TYPES = { dump: 1, restore: 2, preDump: 4, notify: 6, featureCheck: 9 } as const
/** `manage_cgroups_mode`. */
export const CGROUP_MODES = { ignore: 0, soft: 3, full: 4, strict: 5 } as const

const PAGE_SERVER = { address: [1, 'text'], port: [2, 'int'] } as const satisfies Schema
const EXTERNAL_MOUNT = { key: [1, 'text'], value: [2, 'text'] } as const satisfies Schema
const JOINED_NAMESPACE = { type: [1, 'text'], file: [2, 'text'] } as const satisfies Schema
const INHERITED = { key: [1, 'text'], fd: [2, 'int'] } as const satisfies Schema
const CGROUP_ROOT = { controllers: [1, 'text'], path: [2, 'text'] } as const satisfies Schema

const OPTIONS = {
  /** A descriptor of the process at the other end of the socket, as `workDirectory` is. */
  imagesDirectory: [1, 'int'],
  pid: [2, 'int'],
  leaveRunning: [3, 'bool'],
  externalUnixSockets: [4, 'bool'],
  tcpEstablished: [5, 'bool'],
  evasiveDevices: [6, 'bool'],
  shellJob: [7, 'bool'],
  fileLocks: [8, 'bool'],
  logLevel: [9, 'int'],
  logFile: [10, 'text'],
  pageServer: [11, PAGE_SERVER],
  notifies: [12, 'bool'],
  root: [13, 'text'],
  parentImage: [14, 'text'],
  tracksMemory: [15, 'bool'],
  autoDedup: [16, 'bool'],
  workDirectory: [17, 'int'],
  linkRemap: [18, 'bool'],
  externalMounts: [23, EXTERNAL_MOUNT, 'list'],
  managesCgroups: [24, 'bool'],
  cgroupRoots: [25, CGROUP_ROOT, 'list'],
  restoresSibling: [26, 'bool'],
  inherited: [27, INHERITED, 'list'],
  cgroupMode: [34, 'int'],
  external: [37, 'text', 'list'],
  emptyNamespaces: [38, 'int'],
  joined: [39, JOINED_NAMESPACE, 'list'],
  freezeCgroup: [44, 'text'],
  tcpSkipInFlight: [46, 'bool'],
  lazyPages: [48, 'bool'],
  orphanTerminals: [50, 'bool'],
  configFile: [51, 'text'],
  tcpClose: [52, 'bool'],
  lsmProfile: [53, 'text'],
  lsmMountContext: [63, 'text'],
} as const satisfies Schema

const FEATURES = { memoryTracking: [1, 'bool'], lazyPages: [2, 'bool'] } as const satisfies Schema

const REQUEST = {
  type: [1, 'int'],
  options: [2, OPTIONS],
  notifySuccess: [3, 'bool'],
  features: [5, FEATURES],
} as const satisfies Schema

const RESPONSE = {
  type: [1, 'int'],
  success: [2, 'bool'],
  notification: [5, { script: [1, 'text'], pid: [2, 'int'] }],
  errno: [7, 'int'],
  features: [8, FEATURES],
  message: [9, 'text'],
} as const satisfies Schema

export type CriuOptions = MessageOf<typeof OPTIONS>
export type CriuFeatures = MessageOf<typeof FEATURES>
export type CriuRequest = MessageOf<typeof REQUEST>
export type CriuResponse = MessageOf<typeof RESPONSE>

export const encodeRequest = (request: CriuRequest): Uint8Array => encodeProtobuf(REQUEST, request)
/** @throws {RangeError} for bytes that are no message */
export const decodeResponse = (bytes: Uint8Array): CriuResponse => decodeProtobuf(RESPONSE, bytes)
