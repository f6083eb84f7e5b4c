// Says how many parts the browser loaded, and how long all of them took.
addEventListener("load", () => {
  const parts = performance.getEntriesByType("resource").filter((part) => part.name.startsWith(location.href.split("#")[0]));
  const end = Math.max(0, ...parts.map((part) => part.responseEnd));
  document.getElementById("count").textContent =
    `${parts.length} parts in ${end.toFixed(0)} ms. ${parts.length} 个部分，用时 ${end.toFixed(0)} 毫秒。`;
});
