// Numbers, sizes and times as people read them.

const NUMBER = new Intl.NumberFormat();
const TENTHS = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const PERCENT = new Intl.NumberFormat(undefined, { style: "percent" });
const UNITS = ["kB", "MB", "GB", "TB"];

/** A number with its thousands apart; GraphQL sends large ones as text. */
export function numberText(value) {
  return NUMBER.format(Number(value));
}

/** A share of 1 in percent, never more than is done. */
export function percentText(share) {
  return PERCENT.format(Math.floor(share * 100) / 100);
}

/** A number of bytes in the unit people read. */
export function bytesText(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  const unit = Math.min(UNITS.length, Math.floor(Math.log10(bytes) / 3));
  return `${TENTHS.format(bytes / 1000 ** unit)} ${UNITS[unit - 1]}`;
}

/** How long something takes, in its two largest units at most. */
export function durationText(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** `email_status` in words: `Email status`; `phone:work_direct` is `Phone › work direct`. */
export function wordsText(name) {
  const words = name.toLowerCase().replaceAll("_", " ").replaceAll(/[.:]/gu, " › ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** A word in the number it takes. */
export function plural(count, word) {
  return `${numberText(count)} ${word}${Number(count) === 1 ? "" : "s"}`;
}
