// What pages do beyond what HTML does by itself. Every page works without this file.
"use strict";

// Times in the reader's own zone.
function localTimes(root) {
  const shape = { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false };
  const zone = new Intl.DateTimeFormat("sv-SE", shape);
  for (const each of root.querySelectorAll("time[datetime]")) {
    const at = new Date(each.dateTime);
    if (Number.isNaN(at.getTime()) || each.title) continue;
    each.title = each.textContent;
    each.textContent = zone.format(at);
  }
}

localTimes(document);
