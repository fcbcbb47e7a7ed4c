/** Attributes of a bind mount: what the source has, what the entry asks for, and what comes of it. */

export const REFUSED = 'refused'

export interface BindCase {
  /** What the mount of the host has. */
  readonly host: string
  /** What the entry asks for. */
  readonly entry: string
  /** The attributes of the mount in the container. */
  readonly plain: string
  /** The same with a user namespace. Default: as `plain`. */
  readonly user?: string
}

export const CASES: readonly BindCase[] = [
  {
    host: 'ro,noexec,nosymfollow,nodiratime',
    entry: 'bind',
    plain: 'ro,noexec,nodiratime,relatime,nosymfollow',
  },
  { host: 'ro,nosuid', entry: 'rbind,rprivate', plain: 'ro,nosuid,relatime' },
  { host: 'ro,nosuid', entry: 'bind,defaults', plain: 'ro,nosuid,relatime' },
  { host: 'ro,nosuid', entry: 'bind,rro', plain: 'ro,nosuid,relatime' },
  {
    host: 'ro,noexec,nosymfollow,nodiratime',
    entry: 'bind,dev',
    plain: 'rw,nodiratime,relatime',
    user: 'ro,noexec,nodiratime,relatime',
  },
  {
    host: 'ro',
    entry: 'bind,nosuid,nodev,rprivate',
    plain: 'rw,nosuid,nodev,relatime',
    user: 'ro,nosuid,nodev,relatime',
  },
  { host: 'ro', entry: 'bind,rw,nosuid,nodev,rprivate', plain: 'rw,nosuid,nodev,relatime', user: REFUSED },
  { host: 'rw', entry: 'bind,rw', plain: 'rw,relatime' },
  { host: 'nosuid,nodev,noexec,noatime', entry: 'bind,dev,suid,exec,atime', plain: 'rw,noatime', user: REFUSED },
  {
    host: 'rw,nodev,nosuid,noexec,noatime',
    entry: 'bind,ro',
    plain: 'ro,noatime',
    user: 'ro,nosuid,nodev,noexec,noatime',
  },
  { host: 'rw,nodev,nosymfollow', entry: 'bind,ro,symfollow', plain: 'ro,relatime', user: 'ro,nodev,relatime' },
  { host: 'rw,nodev,nosymfollow', entry: 'bind,rw', plain: 'rw,relatime', user: 'rw,nodev,relatime' },
  { host: 'nodev,nosuid,noatime', entry: 'bind,ro,exec', plain: 'ro,noatime', user: 'ro,nosuid,nodev,noatime' },
  {
    host: 'nosuid',
    entry: 'bind,nosymfollow',
    plain: 'rw,relatime,nosymfollow',
    user: 'rw,nosuid,relatime,nosymfollow',
  },
  { host: 'nosuid', entry: 'bind,sync', plain: 'rw,relatime', user: 'rw,nosuid,relatime' },
  // Access times.
  { host: 'noatime', entry: 'bind', plain: 'rw,noatime' },
  { host: 'noatime', entry: 'bind,norelatime', plain: 'rw,noatime' },
  { host: 'noatime', entry: 'bind,atime', plain: 'rw,noatime' },
  { host: 'noatime', entry: 'bind,relatime', plain: 'rw,relatime', user: REFUSED },
  { host: 'noatime', entry: 'bind,nodiratime', plain: 'rw,nodiratime,relatime', user: REFUSED },
  { host: 'nodiratime', entry: 'bind,strictatime', plain: 'rw', user: REFUSED },
  { host: 'noatime', entry: 'bind,nodiratime,strictatime', plain: 'rw,nodiratime', user: REFUSED },
  { host: 'noatime', entry: 'bind,nodiratime,norelatime', plain: 'rw,nodiratime,relatime', user: REFUSED },
  { host: 'strictatime', entry: 'bind', plain: 'rw' },
  { host: 'noatime,nodiratime', entry: 'bind,norelatime', plain: 'rw,noatime,nodiratime' },
  { host: 'relatime', entry: 'bind,strictatime', plain: 'rw', user: REFUSED },
  { host: 'strictatime', entry: 'bind,relatime', plain: 'rw,relatime', user: REFUSED },
  { host: 'strictatime', entry: 'bind,noatime', plain: 'rw,noatime', user: REFUSED },
  { host: 'strictatime', entry: 'bind,nostrictatime', plain: 'rw' },
  { host: 'nodiratime', entry: 'bind,diratime', plain: 'rw,nodiratime,relatime' },
  { host: 'nodiratime', entry: 'bind,nodiratime', plain: 'rw,nodiratime,relatime' },
  { host: 'noatime,nodiratime', entry: 'bind,atime', plain: 'rw,noatime,nodiratime' },
]
