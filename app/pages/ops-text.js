// Numbers, sizes and times, in so few characters that they fit beside an axis.

const TIME = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const MINUTE = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const NOTHING = "–";

/** What tells that nothing is known. */
export const UNKNOWN = NOTHING;

/** A number with as many digits as matter: 0.25, 3.4, 27, 1,240, 48 k. */
export function countText(value) {
  if (value == null) return NOTHING;
  const size = Math.abs(value);
  if (size >= 1e6) return `${digits(value / 1e6, 1)} M`;
  if (size >= 1e4) return `${digits(value / 1e3, size >= 1e5 ? 0 : 1)} k`;
  return digits(value, size >= 10 || Number.isInteger(value) ? 0 : size >= 1 ? 1 : 2);
}

/** Milliseconds in the unit that people would say them in. */
export function millisecondsText(value) {
  if (value == null) return NOTHING;
  if (value >= 60_000) return `${digits(value / 60_000, 1)} min`;
  if (value >= 1000) return `${digits(value / 1000, value >= 10_000 ? 1 : 2)} s`;
  return `${digits(value, value >= 100 ? 0 : value >= 10 || value === 0 ? 0 : 1)} ms`;
}

/** Bytes in megabytes, or gigabytes when there are many. */
export function memoryText(value) {
  if (value == null) return NOTHING;
  return value >= 1e9 ? `${digits(value / 1e9, 2)} GB` : `${digits(value / 1e6, 0)} MB`;
}

/** A share of 1 in percent. */
export function shareText(value) {
  return value == null ? NOTHING : `${digits(value * 100, value > 0 && value < 0.1 ? 1 : 0)} %`;
}

/** A moment, in seconds since 1970, as the clock on the wall has it. */
export function clockText(at) {
  return TIME.format(at * 1000);
}

/** The same without its seconds. */
export function minuteText(at) {
  return MINUTE.format(at * 1000);
}

/** How long something has been there, in its largest unit: one that changes each second would not be read. */
export function spanText(seconds) {
  if (seconds < 60) return "less than a minute";
  if (seconds < 5400) return `${Math.floor(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} days`;
}

/** How long ago something was. */
export function agoText(seconds) {
  if (seconds < 5) return "now";
  if (seconds < 90) return `${Math.round(seconds)} s ago`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min ago` : `${Math.round(seconds / 3600)} h ago`;
}

function digits(value, most) {
  return value.toLocaleString(undefined, { maximumFractionDigits: most });
}
