/** Spans of what is done with a sandbox, for whoever collects them: the part of OpenTelemetry's API that is used, so that nothing depends on it. */

type Value = string | number | boolean

export interface SandboxSpan {
  setAttribute(name: string, value: Value): unknown
  recordException(error: Error): unknown
  setStatus(status: { code: number; message?: string }): unknown
  end(): unknown
}

/** As `trace.getTracer(...)` of `@opentelemetry/api` returns it. */
export interface SandboxTracer {
  startSpan(name: string, options?: { attributes?: Record<string, Value> }): SandboxSpan
}

/** SpanStatusCode.ERROR. */
const ERROR = 2

interface TracedAct<T> {
  readonly name: string
  readonly act: () => Promise<T>
  /** What the span says of the result. */
  readonly attributesOf: (result: T) => Readonly<Record<string, Value | null>>
}

/** A span for as long as `act` takes. What it throws is recorded, and thrown. */
export async function traced<T>(
  tracer: SandboxTracer | undefined,
  { name, act, attributesOf }: TracedAct<T>,
): Promise<T> {
  if (tracer === undefined) return act()
  const span = tracer.startSpan(name)
  try {
    const result = await act()
    for (const [key, value] of Object.entries(attributesOf(result)))
      if (value !== null) span.setAttribute(`tsrun.${key}`, value)
    return result
  } catch (error) {
    if (error instanceof Error) span.recordException(error)
    span.setStatus({ code: ERROR, message: String(error) })
    throw error
  } finally {
    span.end()
  }
}
