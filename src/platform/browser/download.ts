/** Hands a file to the person as a browser download. */
export function download(name: string, content: BlobPart, type: string): void {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The download has taken the blob by then; the page would keep it in memory for good.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
