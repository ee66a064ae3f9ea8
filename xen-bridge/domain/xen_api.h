// libxenctrl and its sisters, whose headers do not know of C++.
#pragma once

// What they include themselves comes first, outside of the bracket.
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

extern "C" {
#include <xenctrl.h>
// After xenctrl.h, which brings the basic types.
#include <xen/hvm/save.h>
#include <xen/sched.h>
#include <xen/vm_event.h>
#include <xencall.h>
#include <xendevicemodel.h>
#include <xenevtchn.h>
#include <xenforeignmemory.h>
#include <xenstore.h>
}
