import type { Device } from './config.js'
import type { Report, Rule } from './issues.js'
import { resolves } from './mounts.js'
import type { OciDevice } from './oci-config.js'
import * as s from './shape.js'

const FILE_TYPES = { c: 0o020000, u: 0o020000, b: 0o060000, p: 0o010000 } as const
const PERMISSIONS = 0o777
const TYPE_BITS = 0o170000
const DEFAULT_MODE = 0o666

export const devicesShape = s.list(
  s.object({
    type: s.oneOf(['c', 'b', 'u', 'p']),
    path: s.absolutePath,
    major: s.optional(s.integer(0, s.MOST_MAJOR)),
    minor: s.optional(s.integer(0, s.MOST_MINOR)),
    fileMode: s.optional(s.uint32),
    uid: s.optional(s.id),
    gid: s.optional(s.id),
  }),
)

export const deviceRules: readonly Rule[] = [
  {
    reads: [],
    check(_config, { each, report }) {
      const devices = each<OciDevice>('/linux/devices')
      for (const [index, [device, path]] of devices.entries()) {
        checkNumbers(device, path, report)
        checkMode(device, path, report)
        if (resolves(device.path) === '/')
          report({ path: `${path}/path`, expected: 'a path below the root', received: device.path })
        const before = devices.slice(0, index)
        if (before.some(([other]) => other.path === device.path && !sameNode(other, device))) {
          report({ path: `${path}/path`, expected: 'a path of no other device', received: device.path })
        }
      }
    },
  },
]

function checkNumbers({ type, ...device }: OciDevice, base: string, report: Report): void {
  if (type === 'p') return
  for (const field of ['major', 'minor'] as const) {
    if (device[field] !== undefined) continue
    report({
      path: `${base}/${field}`,
      expected: `the number of the device, as type ${type} needs`,
      received: undefined,
    })
  }
}

/** Docker and Podman have written the whole st_mode, so the type's own bits are no mistake. */
function checkMode({ type, fileMode = 0 }: OciDevice, base: string, report: Report): void {
  const mode = Number(fileMode)
  if (mode <= PERMISSIONS || (mode & ~PERMISSIONS) === FILE_TYPES[type]) return
  report({ path: `${base}/fileMode`, expected: 'permission bits, an integer from 0 to 511', received: fileMode })
}

function sameNode(one: OciDevice, other: OciDevice): boolean {
  const sameNumbers = Number(one.major) === Number(other.major) && Number(one.minor) === Number(other.minor)
  return FILE_TYPES[one.type] === FILE_TYPES[other.type] && (one.type === 'p' || sameNumbers)
}

export function normaliseDevice(device: OciDevice, origin: string): Device {
  const { path, type, major = 0, minor = 0, fileMode = DEFAULT_MODE, uid = 0, gid = 0 } = device
  return {
    path,
    type,
    mode: FILE_TYPES[type] | (Number(fileMode) & ~TYPE_BITS),
    major: type === 'p' ? 0 : Number(major),
    minor: type === 'p' ? 0 : Number(minor),
    uid: Number(uid),
    gid: Number(gid),
    origin,
  }
}
