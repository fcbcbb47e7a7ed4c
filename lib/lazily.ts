/**
 * A module that is loaded when it is first asked for: the command is a new process for each call, and `tsrun state` should not
 * wait for what creates a container. Held on to, since an import() takes its time each time.
 */
export function lazily<T>(load: () => Promise<T>): () => Promise<T> {
  let loaded: Promise<T> | null = null
  return () => (loaded ??= load())
}
