import * as s from './shape.js'

/** The versions of the specification that tsrun follows. */
export const OCI_VERSION_MIN = '1.0.0'
export const OCI_VERSION_MAX = '1.3.0'

const SEMVER = new RegExp(
  '^(?:0|[1-9][0-9]*)\\.(?:0|[1-9][0-9]*)\\.(?:0|[1-9][0-9]*)' +
    '(?:-(?:0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)(?:\\.(?:0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*))*)?' +
    '(?:\\+[0-9a-zA-Z-]+(?:\\.[0-9a-zA-Z-]+)*)?$',
)

export const version = s.word(SEMVER, 'a version in the form of SemVer 2.0.0')

/** Of a configuration: writers of old have left the last number out, or all of it. */
export const givenVersion = s.word(
  { test: text => text === '' || SEMVER.test(wholeVersion(text)) },
  'a version in the form of SemVer 2.0.0',
)

export const wholeVersion = (version: string): string => (/^[0-9]+\.[0-9]+$/.test(version) ? `${version}.0` : version)

/** True for a 1.x version whose minor number is above that of the newest that tsrun follows. */
export function isNewer(version: string): boolean {
  const minor = (text: string): number => Number(text.split('.')[1])
  return minor(version) > minor(OCI_VERSION_MAX)
}
