<#
.SYNOPSIS
Takes what a support engineer needs of one failed VPN connection: a trace, pings of growing size, RasClient's events.

.DESCRIPTION
In PowerShell as administrator:

  powershell -ExecutionPolicy Bypass -File trace.ps1 -Gateway vpn.example.com

It captures for 120 seconds (-Seconds says otherwise) and stops by itself; Ctrl-C stops it earlier. All is written into
one new folder, C:\ike-trace-DATE (-Folder says otherwise). No setting is changed, and nothing is sent anywhere. The trace
holds everything that this computer sends meanwhile: close what nobody else should see.
#>
param(
    [Parameter(Mandatory = $true)] [string] $Gateway,
    [int] $Seconds = 120,
    [string] $Folder = ''
)

$identity = [Security.Principal.WindowsIdentity]::GetCurrent()
$principal = New-Object Security.Principal.WindowsPrincipal($identity)
if (-not $principal.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)) {
    Write-Host 'Windows lets only administrators capture. Start PowerShell with "Run as administrator", then try again.'
    exit 1
}

$address = $null
try {
    $address = [Net.Dns]::GetHostAddresses($Gateway) | Select-Object -First 1
} catch {
    Write-Host "$Gateway has no address: the name is wrong, or DNS does not answer."
}

if ($Folder -eq '') {
    $stamp = Get-Date -Format 'yyyyMMdd-HHmmss'
    # No path with spaces: netsh does not take them well.
    $Folder = Join-Path "$env:SystemDrive\" "ike-trace-$stamp"
}
New-Item -ItemType Directory -Path $Folder -ErrorAction Stop | Out-Null
$trace = Join-Path $Folder 'trace.etl'
$began = Get-Date

# filemode=single keeps the beginning, where IKE_SA_INIT is; report=no saves minutes at the end.
netsh trace start capture=yes report=no maxsize=1024 filemode=single "tracefile=$trace"
if ($LASTEXITCODE -ne 0) {
    Write-Host 'netsh could not start. Another trace may be running (netsh trace show status); it was left alone.'
    exit 1
}

try {
    Write-Host ''
    Write-Host "Capturing. Dial now; after the error wait 10 seconds (Ctrl-C stops earlier than $Seconds seconds)."
    ipconfig /all | Out-File (Join-Path $Folder 'system.txt')
    netsh interface ipv4 show subinterfaces | Out-File (Join-Path $Folder 'system.txt') -Append

    # Pings that no router may cut: the largest that is answered tells the path MTU. Two of each, since one may be lost.
    if ($address) {
        $six = $address.AddressFamily -eq 'InterNetworkV6'
        foreach ($size in 1500, 1492, 1480, 1460, 1440, 1420, 1400, 1360, 1280, 576) {
            if ($six) {
                $answer = ping -6 -n 2 -w 1000 -l ($size - 48) $address.ToString()
            } else {
                $answer = ping -4 -n 2 -w 1000 -f -l ($size - 28) $address.ToString()
            }
            "IP packets of $size bytes:" | Out-File (Join-Path $Folder 'pings.txt') -Append
            $answer | Out-File (Join-Path $Folder 'pings.txt') -Append
        }
    }
    while (((Get-Date) - $began).TotalSeconds -lt $Seconds) {
        Start-Sleep -Seconds 1
    }
} finally {
    Write-Host 'Stopping. This may take a minute.'
    netsh trace stop
    $wanted = @{ LogName = 'Application'; ProviderName = 'RasClient'; StartTime = $began }
    Get-WinEvent -FilterHashtable $wanted -ErrorAction SilentlyContinue |
        Format-List TimeCreated, Id, Message |
        Out-File (Join-Path $Folder 'rasclient.txt')
    Write-Host ''
    Write-Host "Done. Send the folder $Folder as it is (trace.etl is what matters most)."
    Write-Host "Or look yourself: ike-analyzer analyze `"$trace`""
}
