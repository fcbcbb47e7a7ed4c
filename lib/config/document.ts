import type { Config } from './config.js'
import { hooksShape, normaliseHooks } from './hooks.js'
import { withIdmapBeside } from './idmap-option.js'
import type { Rule, Warn } from './issues.js'
import { makeObject, pointer } from './json.js'
import { linuxRules, linuxShape, normaliseLinux } from './linux.js'
import { mountRules, mountsShape, normaliseMount } from './mounts.js'
import type { OciConfig } from './oci-config.js'
import { givenVersion, isNewer, OCI_VERSION_MAX, OCI_VERSION_MIN, wholeVersion } from './oci-version.js'
import { normaliseProcess, processRules, processShape } from './process.js'
import * as s from './shape.js'

const root = s.object({ path: s.filled, readonly: s.optional(s.truth) })

const members = {
  ociVersion: s.optional(givenVersion),
  process: s.optional(processShape),
  hostname: s.optional(s.text),
  domainname: s.optional(s.text),
  mounts: s.optional(mountsShape),
  hooks: s.optional(hooksShape),
  linux: s.optional(linuxShape),
  annotations: s.optional(s.map(s.text, { emptyKey: true })),
  vm: s.optional(s.object({})),
}

export const configShape = s.object({ ...members, root })
/** For a root file system that is named elsewhere. */
export const rootlessShape = s.object({ ...members, root: s.optional(root) })

export const configRules: readonly Rule[] = [...processRules, ...mountRules, ...linuxRules]

export function normaliseConfig(config: OciConfig, warn: Warn): Config {
  const { root, process, mounts = [] } = config
  const ociVersion = wholeVersion(config.ociVersion || OCI_VERSION_MIN)
  if (!config.ociVersion) warn('/ociVersion', `is missing: taken as ${OCI_VERSION_MIN}`)
  else if (ociVersion !== config.ociVersion) warn('/ociVersion', `taken as ${ociVersion}`)
  if (isNewer(ociVersion)) warn('/ociVersion', `newer than ${OCI_VERSION_MAX}: what it added is not known here`)
  if (config.annotations !== undefined && '' in config.annotations) warn('/annotations', 'an empty key means nothing')
  return {
    ociVersion,
    root: { path: root?.path ?? '', readonly: root?.readonly ?? false },
    process: process === undefined ? null : normaliseProcess(process, '/process', warn),
    hostname: config.hostname || null,
    domainname: config.domainname || null,
    mounts: mounts.map((mount, index) =>
      normaliseMount(withIdmapBeside(mount, config), pointer('/mounts', index), warn),
    ),
    hooks: normaliseHooks(config.hooks ?? {}, warn),
    linux: normaliseLinux(config.linux ?? {}, warn),
    annotations: makeObject(Object.entries(config.annotations ?? {})),
  }
}
