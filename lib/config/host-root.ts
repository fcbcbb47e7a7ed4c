import type { Config } from './config.js'

/** The path of a root that is the host's own (`rootfs: { host: true }`): no other root can be there. */
export const HOST_ROOT = '/'

/** Whether the container has no root of its own. */
export const isHosted = ({ root }: Pick<Config, 'root'>): boolean => root.path === HOST_ROOT
