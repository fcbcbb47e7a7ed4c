import type { NetDevice } from './config.js'
import type { Report, Rule } from './issues.js'
import { pointer } from './json.js'
import { listsNamespace } from './namespaces.js'
import type { OciConfig, OciLinux } from './oci-config.js'
import * as s from './shape.js'

const BASE = '/linux/netDevices'
/** IFNAMSIZ less its end. */
const LONGEST_NAME = 15

const isName = (text: string): boolean =>
  /^(?!\.{1,2}$)[^/:\s]+$/.test(text) && new TextEncoder().encode(text).length <= LONGEST_NAME

const targetName = s.word(
  { test: text => isName(text) && /^[^%]*(?:%d)?$/.test(text) },
  'the name of a network device, in which % may only stand as %d at the end',
)

export const netDevicesShape = s.map(s.object({ name: s.optional(targetName) }))

export const netDeviceRules: readonly Rule[] = [
  { reads: [BASE, '/linux/namespaces'], check: (config, { report }) => checkDevices(config, report) },
]

function checkDevices(config: OciConfig, report: Report): void {
  const { netDevices = {} } = config.linux ?? {}
  const names = Object.keys(netDevices)
  if (names.length === 0) return
  if (!listsNamespace(config, 'network')) {
    report({ path: BASE, expected: 'absent without a network namespace', received: netDevices })
  }
  const taken = new Set<string>()
  for (const [name, { name: target = name }] of Object.entries(netDevices)) {
    const path = pointer(BASE, name)
    if (!isName(name)) report({ path, expected: 'named after a network device', received: name })
    if (!target.includes('%') && taken.has(target)) {
      report({ path, expected: 'a device with a name that no other one gets', received: target })
    }
    taken.add(target)
  }
}

export function normaliseNetDevices({ netDevices = {} }: OciLinux): NetDevice[] {
  return Object.entries(netDevices).map(([name, { name: target = name }]) => ({
    name,
    target,
    origin: pointer(BASE, name),
  }))
}
