// A bar for a share of work that is done. The words beside it say the same.
export function ProgressBar({ share, label }: { share: number; label: string }) {
  const percent = Math.floor(100 * share);
  return (
    <div
      class="progress"
      role="progressbar"
      aria-label={label}
      aria-valuenow={percent}
      aria-valuemin={0}
      aria-valuemax={100}
    >
      <div style={{ width: `${100 * share}%` }} />
    </div>
  );
}
