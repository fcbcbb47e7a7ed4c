/** Destinations that are written with the path of the root on the host before them, which runc takes for places in the root. */
import type { Config, Mount } from '../config/config.js'
import { makeIssue } from '../config/issues.js'
import { ConfigError } from '../errors.js'
import { cleanPath, isBelow } from './paths.js'

/** @throws ConfigError for a place that has rules of its own: those were asked with what is written */
export function withoutRootPath(config: Config, rootfs: string): Config {
  const root = cleanPath(rootfs)
  if (root === '/' || !config.mounts.some(({ destination }) => isBelow(destination, root))) return config
  return { ...config, mounts: config.mounts.map(mount => inRoot(mount, root)) }
}

function inRoot(mount: Mount, root: string): Mount {
  if (!isBelow(mount.destination, root)) return mount
  const destination = cleanPath(mount.destination).slice(root.length)
  if (destination !== '/proc' && !isBelow(destination, '/proc')) return { ...mount, destination }
  const issue = {
    path: `${mount.origin}/destination`,
    expected: 'written as a path in the root',
    received: mount.destination,
  }
  throw new ConfigError('ERR_CONFIG_INVALID', [makeIssue(issue)])
}
