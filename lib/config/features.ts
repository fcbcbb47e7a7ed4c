/** The features document (features.md, features-linux.md): what a runtime knows, whatever the host can do. */
export interface OciFeatures {
  readonly ociVersionMin: string
  readonly ociVersionMax: string
  readonly hooks?: readonly string[]
  readonly mountOptions?: readonly string[]
  readonly linux?: LinuxFeatures
  readonly annotations?: Readonly<Record<string, string>>
  readonly potentiallyUnsafeConfigAnnotations?: readonly string[]
}

interface Enabled {
  readonly enabled?: boolean
}

export interface LinuxFeatures {
  readonly namespaces?: readonly string[]
  readonly capabilities?: readonly string[]
  readonly cgroup?: {
    readonly v1?: boolean
    readonly v2?: boolean
    readonly systemd?: boolean
    readonly systemdUser?: boolean
    readonly rdma?: boolean
  }
  readonly seccomp?: Enabled & {
    readonly actions?: readonly string[]
    readonly operators?: readonly string[]
    readonly archs?: readonly string[]
    readonly knownFlags?: readonly string[]
    readonly supportedFlags?: readonly string[]
  }
  readonly apparmor?: Enabled
  readonly selinux?: Enabled
  readonly intelRdt?: Enabled & { readonly schemata?: boolean; readonly monitoring?: boolean }
  readonly memoryPolicy?: { readonly modes?: readonly string[]; readonly flags?: readonly string[] }
  readonly mountExtensions?: { readonly idmap?: Enabled }
  readonly netDevices?: Enabled
}
