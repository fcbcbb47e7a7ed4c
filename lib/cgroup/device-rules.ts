/** Which devices a container may use: the configuration's list and what every container needs. Pure. */
import type { DeviceRule } from '../config/config.js'
import { RESOURCES } from './setting.js'

export const DEVICES = `${RESOURCES}/devices`

function allowed(type: 'b' | 'c', major: number | null, minor: number | null, access = 'rwm'): DeviceRule {
  return { allow: true, type, major, minor, access, origin: DEVICES }
}

/** Making any node, and the devices that the runtime itself puts into every container. */
const ALWAYS: readonly DeviceRule[] = [
  allowed('c', null, null, 'm'),
  allowed('b', null, null, 'm'),
  allowed('c', 1, 3), // null
  allowed('c', 1, 5), // zero
  allowed('c', 1, 7), // full
  allowed('c', 1, 8), // random
  allowed('c', 1, 9), // urandom
  allowed('c', 5, 0), // tty
  allowed('c', 5, 1), // console
  allowed('c', 5, 2), // ptmx
  allowed('c', 136, null), // pseudo-terminals
]

/** The whole list: what no rule mentions is denied, and of several rules for one device the last one wins. */
export function effectiveRules(rules: readonly DeviceRule[]): readonly DeviceRule[] {
  return [...rules, ...ALWAYS]
}
