/**
 * As `toISOString` of the date says it. The first time a process calls that one, V8 reads the time zone of the machine, in a quarter of a
 * millisecond.
 * @throws {RangeError} for a date that is not valid
 */
export function utcText(date: Date): string {
  const year = date.getUTCFullYear()
  if (!(year >= 1000 && year <= 9999)) return date.toISOString()
  const [month, day] = [date.getUTCMonth() + 1, date.getUTCDate()].map(pair)
  const [hours, minutes, seconds] = [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()].map(pair)
  return `${year}-${month}-${day}T${hours}:${minutes}:${seconds}.${String(date.getUTCMilliseconds()).padStart(3, '0')}Z`
}

const pair = (value: number): string => String(value).padStart(2, '0')
