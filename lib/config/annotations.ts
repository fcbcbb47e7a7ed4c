/** Annotations that tsrun itself obeys, as runc does (features.md, "Unsafe annotations in config.json"). */

/** A file with options of CRIU: one of them names a program that CRIU runs. */
export const CRIU_CONFIG_ANNOTATION = 'org.criu.config'
/** With the name of a property of the container's systemd unit; the value is GVariant text. */
export const SYSTEMD_PROPERTY_PREFIX = 'org.systemd.property.'

/** What ends in a dot is a prefix. Who may write such annotations may do what the runtime may. */
export const UNSAFE_ANNOTATIONS: readonly string[] = [CRIU_CONFIG_ANNOTATION, SYSTEMD_PROPERTY_PREFIX]

export const isUnsafeAnnotation = (name: string): boolean =>
  UNSAFE_ANNOTATIONS.some(unsafe => (unsafe.endsWith('.') ? name.startsWith(unsafe) : name === unsafe))
