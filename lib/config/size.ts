/** Numbers of bytes as a person writes them. */
import { ConfigError } from '../errors.js'
import { makeIssue } from './issues.js'
import type { OciInteger, OciMemory, OciResources } from './oci-config.js'

/** A number of bytes, or as a person writes it: `64M`, `1.5 GiB`, `4096`, with powers of 1024 in any spelling; -1 is no limit. */
export type ByteSize = OciInteger | string

export const SIZE_EXPECTED = 'a number of bytes, or a size such as "64M"'

const POWERS = ['', 'k', 'm', 'g', 't', 'p']

/** Null for what is no size. */
export function parseSize(text: string): bigint | null {
  if (text === '-1') return -1n
  const [, amount, unit = ''] = /^([0-9]+(?:\.[0-9]+)?) ?(?:([kmgtp])i?)?b?$/i.exec(text) ?? []
  if (amount === undefined) return null
  const scale = 1024 ** POWERS.indexOf(unit.toLowerCase())
  return amount.includes('.') ? BigInt(Math.trunc(Number(amount) * scale)) : BigInt(amount) * BigInt(scale)
}

type Sized = 'limit' | 'reservation' | 'swap'
const SIZED: readonly Sized[] = ['limit', 'reservation', 'swap']

/** `linux.resources`, in which sizes of memory may be texts. */
export type SizedResources = Omit<OciResources, 'memory'> & {
  readonly memory?: Omit<OciMemory, Sized> & { readonly [K in Sized]?: ByteSize }
}

/** @throws {ConfigError} ERR_CONFIG_INVALID for texts that are no sizes */
export function withoutTexts(resources: SizedResources): OciResources {
  const { memory } = resources
  if (typeof memory !== 'object' || memory === null) return resources as OciResources
  const texts = SIZED.flatMap(name => {
    const value = memory[name]
    return typeof value === 'string' ? [{ name, value, size: parseSize(value) }] : []
  })
  const issues = texts
    .filter(({ size }) => size === null)
    .map(({ name, value }) =>
      makeIssue({ path: `/linux/resources/memory/${name}`, expected: SIZE_EXPECTED, received: value }),
    )
  if (issues.length > 0) throw new ConfigError('ERR_CONFIG_INVALID', issues)
  const sizes = Object.fromEntries(texts.map(({ name, size }) => [name, size]))
  return { ...resources, memory: { ...memory, ...sizes } as OciMemory }
}
