/**
 * A profile for AppArmor in the form that the kernel reads (security/apparmor/policy_unpack.c): tagged values, some of them
 * named. It confines nothing, so that a test needs no compiler for policies.
 */
import { writeFileSync } from 'node:fs'

const TAG = { u32: 2, name: 4, string: 5, struct: 7, structEnd: 8 }
const UNCONFINED = 3
const VERSION = 5

const u16 = value => Buffer.from([value & 0xff, value >> 8])
const text = (tag, value) => Buffer.concat([Buffer.from([tag]), u16(value.length + 1), Buffer.from(`${value}\0`)])
const name = value => text(TAG.name, value)
const tag = kind => Buffer.from([TAG[kind]])

function u32(value) {
  const bytes = Buffer.alloc(5, TAG.u32)
  bytes.writeUInt32LE(value, 1)
  return bytes
}

const profileOf = title =>
  Buffer.concat([
    ...[name('version'), u32(VERSION)],
    ...[name('profile'), tag('struct'), text(TAG.string, title)],
    // No hat, its mode, no audit.
    ...[name('flags'), tag('struct'), u32(0), u32(UNCONFINED), u32(0), tag('structEnd')],
    // Capabilities: allowed, audited, silent, reserved.
    ...[u32(0), u32(0), u32(0), u32(0)],
    tag('structEnd'),
  ])

const DIRECTORY = '/sys/kernel/security/apparmor'

export const loadProfile = title => writeFileSync(`${DIRECTORY}/.load`, profileOf(title))
export const removeProfile = title => writeFileSync(`${DIRECTORY}/.remove`, title)
