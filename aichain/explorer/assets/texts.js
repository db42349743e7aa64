// Values as the server's own pages write them.
export const count = (value) => String(value).replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f");

export const short = (text, digits = 8) =>
  text.length <= 2 * digits + 3 ? text : `${text.slice(0, digits + 2)}…${text.slice(-digits)}`;

export function age(ms, now = Date.now()) {
  const seconds = Math.max(0, Math.round((now - ms) / 1000));
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 172800) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} days ago`;
}
