// SPDX-License-Identifier: Apache-2.0
// Stands for a backend program in the launcher's test: stays until it is killed.
#include <unistd.h>

int main()
{
    for (;;)
        pause();
}
