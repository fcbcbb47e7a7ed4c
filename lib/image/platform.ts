/** Which of an index's images is for which machine (image-spec, image-index.md). */
import { ImageError } from '../errors.js'
import { architecture } from '../sys/self.js'

export interface Platform {
  readonly os: string
  /** As Go names it: `amd64`, `arm64`. */
  readonly architecture: string
  /** Such as `v7` of `arm`; "" if there is none. */
  readonly variant: string
}

/** Node's names of processors, and Go's. */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: 'amd64',
  ia32: '386',
  ppc64: 'ppc64le',
  loong64: 'loong64',
}
/** What a variant means that is left out. */
const DEFAULT_VARIANTS: Readonly<Record<string, string>> = { arm64: 'v8', arm: 'v7' }

export function hostPlatform(): Platform {
  const own = architecture()
  return { os: 'linux', architecture: ARCHITECTURES[own] ?? own, variant: '' }
}

/** Reads `linux/arm/v7`. @throws {ImageError} ERR_IMAGE_PLATFORM */
export function parsePlatform(text: string): Platform {
  const [os = '', architecture = '', variant = '', ...more] = text.split('/')
  const isOne = [os, architecture].every(part => /^[a-z0-9_.-]+$/.test(part)) && /^[a-z0-9_.-]*$/.test(variant)
  if (isOne && more.length === 0) return { os, architecture, variant }
  throw new ImageError(
    'ERR_IMAGE_PLATFORM',
    `${JSON.stringify(text)} is no platform: write it as linux/amd64 or linux/arm/v7`,
    {
      expected: 'OS/ARCHITECTURE[/VARIANT]',
    },
  )
}

export const platformText = ({ os, architecture, variant }: Platform): string =>
  `${os}/${architecture}${variant === '' ? '' : `/${variant}`}`

const variantOf = ({ architecture, variant }: Platform): string => variant || (DEFAULT_VARIANTS[architecture] ?? '')

/** The newest variant of `arm` that a machine of the wanted one runs: v7 runs v6 too. */
function fits(wanted: Platform, found: Platform): boolean {
  if (found.os !== wanted.os || found.architecture !== wanted.architecture) return false
  if (wanted.architecture === 'arm' || wanted.architecture === 'amd64') return variantOf(found) <= variantOf(wanted)
  return variantOf(found) === variantOf(wanted)
}

/**
 * The best of several: what was asked for exactly, else the newest variant that runs on it.
 * @throws {ImageError} ERR_IMAGE_PLATFORM with those that there are
 */
export function choosePlatform<T extends { readonly platform: Platform | null }>(
  image: string,
  candidates: readonly T[],
  wanted: Platform,
): T {
  const fitting = candidates
    .filter(({ platform }) => platform !== null && fits(wanted, platform))
    .sort((a, b) => compare(variantIn(b), variantIn(a)))
  const [best] = fitting
  if (best !== undefined) return best
  const there = candidates.flatMap(({ platform }) =>
    platform === null || platform.os === 'unknown' ? [] : [platformText(platform)],
  )
  const list = there.length === 0 ? 'none' : [...new Set(there)].join(', ')
  throw new ImageError('ERR_IMAGE_PLATFORM', `${image} is not there for ${platformText(wanted)}: it is for ${list}`, {
    image,
    expected: list,
  })
}

const variantIn = ({ platform }: { readonly platform: Platform | null }): string =>
  platform === null ? '' : variantOf(platform)
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
